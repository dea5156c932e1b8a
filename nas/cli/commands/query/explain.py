"""``nas explain``: which choices of a space matter, for accuracy and for each cost."""

from __future__ import annotations

from pathlib import Path

from analysis.accuracy_model.evaluated import TooFewError
from analysis.explanation.explained import LATENCY, Explanation, explain
from analysis.explanation.picture import plot_stages_png
from analysis.explanation.reference import TooTightError
from analysis.explanation.table import effect_table, explanation_json, sentences, share_table
from nas.cli.commands.picture_files import check_ending
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.costs.static_costs import StaticCosts
from nas.errors import CommandError, RunError
from nas.evaluation.metric_names import MetricNames
from nas.metrics import COUNTS
from nas.search.problem import space_of
from nas.search.repeats import random_sample
from nas.storage.ledger import Ledger, ledger_of
from nas.storage.run.folder import RunFolder
from nas.storage.stored_run import run_at
from search_space.nearest import hint
from search_space.space import SearchSpace

SHOWN_COSTS = ("params", "macs")


def show_explanation(
    output: Output,
    name: str,
    runs: Path,
    *,
    equal: str,
    png: Path | None,
    storage: str | None = None,
    trust: bool = False,
) -> None:
    """Print effects of choices, their shares of variance, and the stages; draw the heat map.

    Args:
        output: to print to.
        name: the run's name or path.
        runs: the folder of all runs.
        equal: the cost at which accuracies are compared, one of ``nas.metrics.COUNTS``.
        png: the heat map's file; None for none.
        storage: the run's database, which is read alone.
        trust: the option ``--trust``.

    Raises:
        CommandError: an option is wrong, the run has too few evaluated architectures, or there is
            nothing to draw.
        RunError, TrustError: see :mod:`nas.errors`.
    """
    if equal not in COUNTS:
        raise CommandError(f"--equal cannot be {equal!r}; {hint(equal, COUNTS)}")
    check_ending("--png", png, ".png")
    with run_at(name, runs, storage=storage, trust=trust) as run:
        try:
            config, ledger = ledger_of(run)
            space, explanation = explained(run, config, ledger, equal)
        except (TooFewError, TooTightError) as error:
            raise CommandError(f"run {run.name!r}: {error}") from error
        names = MetricNames(config.metric)
        if png is not None:
            _draw(png, explanation, run.name, names)
    if output.as_json:
        output.show_json(names.keyed(explanation_json(explanation, space)))
        return
    measured = LATENCY in explanation.effects[0].costs
    costs = (*SHOWN_COSTS, LATENCY) if measured else SHOWN_COSTS
    output.show(share_table(explanation, costs, names))
    output.show(effect_table(explanation, costs, names))
    for line in sentences(explanation, space):
        output.say(line)


def explained(
    run: RunFolder, config: SearchConfig, ledger: Ledger, equal: str
) -> tuple[SearchSpace, Explanation]:
    """Return a run's space, and what the run explains.

    Args:
        run: the run.
        config: of the run.
        ledger: of the run.
        equal: the cost at which accuracies are compared.

    Raises:
        TooFewError: too few architectures were evaluated.
        TooTightError: see :func:`analysis.explanation.explained.explain`.
        RunError: the ledger, or the run's task, cannot be read.
    """
    space = space_of(config)
    costs = StaticCosts(space, run.task(), batch_size=None)
    search = ledger.evaluations("search")
    limits = {
        name: limit for name, limit in config.limits.by_name(costs.names).items() if name in COUNTS
    }
    explanation = explain(
        [*search, *ledger.evaluations("repeats")],
        space,
        costs.columns,
        limits,
        equal_cost=equal,
        random_sample=set(random_sample(config.search, config.seed, search)),
        seed=config.seed,
    )
    return space, explanation


def _draw(png: Path, explanation: Explanation, name: str, names: MetricNames) -> None:
    if not explanation.stages:
        raise CommandError("--png: no stage of the space chooses between convolution and attention")
    try:
        plot_stages_png(png, explanation, name=name, names=names)
    except OSError as error:
        raise RunError(f"cannot draw the stages: {error}") from error
