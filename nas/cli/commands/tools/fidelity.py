"""``nas fidelity``: rank correlations of the proxy, and of each rung, with full training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from analysis.fidelity.picture import plot_fidelity_png
from analysis.fidelity.ranks import (
    LEAST_RANKED,
    Compared,
    RankCorrelation,
    compared,
    comparison_json,
    epoch_correlations,
    full_metrics,
    full_name,
    proxy_correlation,
)
from analysis.fidelity.table import comparison_table, correlation_table
from analysis.front.beside import PLAIN
from nas.cli.commands.picture_files import check_ending
from nas.cli.commands.typed_command import typed
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.errors import CommandError, RunError
from nas.evaluation.metric_names import MetricNames
from nas.latency.measurements import all_candidates
from nas.search.trial_state import TRAINED
from nas.storage.candidates import candidates
from nas.storage.evaluation import Evaluation
from nas.storage.ledger import Ledger, ledger_of
from nas.storage.networks.retraining import full_trainings
from nas.storage.run.folder import RunFolder

MOST_EPOCHS = 10
"""Epochs compared where there are no rungs."""


def show_fidelity(
    output: Output,
    name: str,
    runs: Path,
    *,
    curves: bool,
    plot: Path | None,
    trust: bool = False,
) -> None:
    """Print rank correlations of proxy and full accuracies, and of early and last ones.

    Args:
        output: to print to.
        name: the run's name or path.
        runs: the folder of all runs.
        curves: compare epochs alone, which needs no retrained architectures.
        plot: a PNG for proxy and full accuracies.
        trust: the option ``--trust``.

    Raises:
        CommandError: fewer than three architectures were retrained (or, for ``curves``, trained
            to the end), or options that exclude each other.
        RunError: no such run, its ledger cannot be read, or ``plot`` cannot be written.
        TrustError: reading the run needs trust.
    """
    check_ending("--plot", plot, ".png")
    if curves and plot is not None:
        raise CommandError("--plot draws retrained architectures, which --curves leaves out")
    run = RunFolder.find(name, runs, trust=trust)
    config, ledger = ledger_of(run)
    pairs = [] if curves else _retrained(run, config, ledger)
    proxy = {} if curves else {m: proxy_correlation(pairs, m) for m in full_metrics(pairs)}
    rows, names = ledger.evaluations("search"), MetricNames(config.metric)
    early = epoch_correlations(rows, compared_epochs(config))
    if curves and not early:
        raise CommandError(
            f"fewer than {LEAST_RANKED} trials of {run.name!r} were trained to the end and "
            "evaluated before it"
        )
    if plot is not None:
        try:
            plot_fidelity_png(plot, pairs, name=run.name, names=names)
        except OSError as error:
            raise RunError(f"cannot draw the accuracies: {error}") from error
    if output.as_json:
        content = {
            "retrained": comparison_json(pairs),
            "proxy": {metric: rank.to_json() for metric, rank in proxy.items()},
            "epochs": {str(epoch): rank.to_json() for epoch, rank in early.items()},
        }
        output.show_json(names.keyed(content))
        return
    _show(output, config, pairs, proxy, early, rows)


def _retrained(run: RunFolder, config: SearchConfig, ledger: Ledger) -> list[Compared]:
    """Return :func:`retrained_pairs`, which must be enough to be ranked."""
    pairs = retrained_pairs(config, ledger)
    if len(pairs) < LEAST_RANKED:
        raise CommandError(
            f"{len(pairs)} architectures of {run.name!r} were retrained by its recipe, and a rank "
            f"correlation needs {LEAST_RANKED} or more: "
            f"{typed('retrain', run.path, '--pick', 'all')}, or see --curves, which needs none"
        )
    return pairs


def retrained_pairs(config: SearchConfig, ledger: Ledger) -> list[Compared]:
    """Return the architectures with a proxy evaluation and a full training, plain ones included.

    Raises:
        RunError: the ledger cannot be read.
    """
    trainings = candidates(full_trainings(config, ledger))
    if not trainings:
        return []
    proxies = {
        "found": all_candidates(config, ledger),
        PLAIN: candidates(ledger.evaluations("baselines")),
    }
    return compared(proxies, trainings)


def compared_epochs(config: SearchConfig) -> list[int]:
    """Return the rungs; without a scheduler, the evaluated epochs, or ten of them."""
    every = config.proxy.evaluate_every_epochs
    epochs = list(config.rungs or range(every, config.proxy.epochs, every))
    count = len(epochs)
    if count <= MOST_EPOCHS:
        return epochs
    return [epochs[index * (count - 1) // (MOST_EPOCHS - 1)] for index in range(MOST_EPOCHS)]


def _show(
    output: Output,
    config: SearchConfig,
    pairs: list[Compared],
    proxy: Mapping[str, RankCorrelation],
    early: Mapping[int, RankCorrelation],
    rows: list[Evaluation],
) -> None:
    if pairs:
        names = MetricNames(config.metric)
        output.show(comparison_table(pairs, names))
        against = {full_name(metric, names): rank for metric, rank in proxy.items()}
        output.show(correlation_table("proxy validation ranks as", names.noun, against))
    if not early:
        return
    kind = "a rung" if config.rungs else "an epoch"
    title = f"validation at {kind} ranks as after epoch {config.proxy.epochs}"
    output.show(
        correlation_table(title, "epoch", {str(epoch): rank for epoch, rank in early.items()})
    )
    stopped = sum(row.state == "pruned" for row in rows)
    if stopped:
        output.say(
            f"of the {sum(row.state in TRAINED for row in rows)} trials, {stopped} were stopped "
            "at rungs and are not in it: the others are the better ones, which tends to lower a "
            "rank correlation"
        )
