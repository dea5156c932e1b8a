"""``nas zero-cost``: rank correlations of untrained networks' scores with trained accuracy."""

from __future__ import annotations

from pathlib import Path

from analysis.fidelity.ranks import LEAST_RANKED
from analysis.fidelity.score_ranking import ranking_table, score_rankings
from nas.cli.output import Output
from nas.cli.progress import LineDisplay
from nas.errors import CommandError
from nas.evaluation.metric_names import MetricNames
from nas.storage.candidates import candidates
from nas.storage.ledger import ledger_of
from nas.storage.run.folder import RunFolder
from nas.storage.run.reach import check_reach
from nas.zero_cost import SCORES, check_names
from nas.zero_cost.measured import measure_scores
from nas.zero_cost.source import NetworkScores


def show_zero_cost(
    output: Output, name: str, runs: Path, *, scores: str, trust: bool = False
) -> None:
    """Print rank correlations of scores with the proxies' validation accuracy.

    Args:
        output: to print to.
        name: the run's name or path.
        runs: the folder of all runs.
        scores: names separated by commas; empty for all.
        trust: the option ``--trust``.

    Raises:
        CommandError: no such score, or fewer than three architectures were trained to the end.
        ScoreError: the run's networks do not have a score.
        RunError: no such run, or its ledger cannot be read.
        TrustError: reading the run needs trust.
        DataError: the run's data cannot be read.
    """
    names = [part.strip() for part in scores.split(",")] if scores else list(SCORES)
    try:
        check_names(names)
    except ValueError as error:
        raise CommandError(f"--scores: {error}") from error
    run = RunFolder.find(name, runs, trust=trust)
    config, ledger = ledger_of(run)
    check_reach(run, config)
    trained = candidates(ledger.evaluations("search"))
    if len(trained) < LEAST_RANKED:
        raise CommandError(
            f"{len(trained)} architectures of {run.name!r} were trained to the end, and a rank "
            f"correlation needs {LEAST_RANKED} or more"
        )
    source = NetworkScores(config.data, config.fidelity, config.proxy.pixels, seed=config.seed)
    progress = Output(stderr=True)  # so that JSON stays JSON
    done = 0
    with LineDisplay(progress, lambda: f"scored {done}/{len(trained)}") as display:

        def count(number: int) -> None:
            nonlocal done
            done = number
            display.update()

        measured = measure_scores(source, [c.architecture for c in trained], names, on_done=count)
    accuracies = [candidate.metrics["val_accuracy"] for candidate in trained]
    rankings = score_rankings(measured.scores, accuracies, measured.score_ms, seed=config.seed)
    training_ms = 1e3 * sum(c.device_seconds for c in trained) / sum(c.evaluations for c in trained)
    if output.as_json:
        output.show_json(
            {
                "n": len(trained),
                "training_ms": training_ms,
                "scores": [ranking.to_json() for ranking in rankings],
            }
        )
        return
    accuracy = MetricNames(config.metric).key("val_accuracy")
    title = f"scores before training rank {len(trained)} architectures as their {accuracy}"
    output.show(ranking_table(title, rankings))
    output.say(f"a training takes {training_ms:,.0f} ms on average")
