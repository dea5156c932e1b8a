"""``nas frontier --certainty`` and ``--spend``: how sure a front is, and what makes it surer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from analysis.accuracy_model.evaluated import TooFewError
from analysis.certainty.allocation import Allocation, allocate
from analysis.certainty.run_certainty import FrontCertainty, front_certainty
from analysis.certainty.table import (
    allocation_json,
    allocation_table,
    certainty_json,
    certainty_notes,
)
from analysis.front.queries import knee, parse_limits
from analysis.front.queries import under as within_limits
from analysis.front.table import front_json, front_table
from nas.cli.commands.query.further_seeds import train_further_seeds
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.errors import CommandError
from nas.evaluation.metric_names import MetricNames
from nas.latency.measurements import all_candidates, by_latency_limit
from nas.metrics import COSTS
from nas.quantities import duration, parse_duration
from nas.random_streams import Stream, generator
from nas.search.problem import space_of
from nas.search.repeats import random_sample
from nas.storage.candidates import Candidate, pareto_front
from nas.storage.evaluation import Evaluation
from nas.storage.ledger import Ledger, ledger_of
from nas.storage.run.folder import RunFolder
from nas.storage.stored_run import run_at
from search_space.nearest import hint

WORTH = "val_accuracy"


class _Asked(NamedTuple):
    """The command's options, checked."""

    x: str
    under: str
    seconds: float | None  # to spend, of one trial's worker


def show_certainty(
    output: Output,
    name: str,
    runs: Path,
    *,
    x: str,
    y: str,
    under: str,
    spend: str | None,
    do: bool,
    storage: str | None = None,
    trust: bool = False,
) -> None:
    """Print a run's front with each member's probability, and the further seeds that pay most.

    Args:
        output: to print to.
        name: the run's name or path.
        runs: the folder of all runs.
        x: a cost.
        y: ``val_accuracy``.
        under: limits, as of ``nas frontier``.
        spend: device-hours, such as ``20h``; None names no further seeds.
        do: train them, then print the front anew.
        storage: the run's database, which is read alone.
        trust: the option ``--trust``.

    Raises:
        CommandError: an option is wrong, or the run has too few evaluated architectures.
        RunError, TrustError: see :mod:`nas.errors`; with ``do`` also what a search raises.
    """
    asked = _asked(x, y, under, spend)
    if do and (spend is None or storage is not None):
        raise CommandError(
            "--do trains what --spend names: give --spend too"
            if spend is None
            else "--do needs the run's folder, and excludes --storage"
        )
    with run_at(name, runs, storage=storage, trust=trust) as run:
        config, ledger = ledger_of(run)
        certainty, members, rows = _certainty(run, config, ledger, asked)
        chosen = _allocated(certainty, rows, asked, config)
        if do and chosen is not None:
            ledger.close()
            train_further_seeds(
                output, run, [(e.candidate.architecture, e.seeds) for e in chosen.further]
            )
            config, ledger = ledger_of(run)
            certainty, members, _ = _certainty(run, config, ledger, asked)
        names = MetricNames(config.metric)
        _show(output, certainty, members, None if do else chosen, asked, names)


def _asked(x: str, y: str, under: str, spend: str | None) -> _Asked:
    for option, given, known in (("--x", x, COSTS), ("--y", y, (WORTH,))):
        if given not in known:
            raise CommandError(f"{option} cannot be {given!r}; {hint(given, known)}")
    if spend is None:
        return _Asked(x, under, None)
    try:
        return _Asked(x, under, parse_duration(spend))
    except ValueError as error:
        raise CommandError(f"--spend: {error}") from error


def _certainty(
    run: RunFolder, config: SearchConfig, ledger: Ledger, asked: _Asked
) -> tuple[FrontCertainty, list[Candidate], list[Evaluation]]:
    """Return the certainty of a run's front, the front, and the evaluations behind both."""
    within, _ = by_latency_limit(config, all_candidates(config, ledger))
    try:
        limits = parse_limits(asked.under) if asked.under else {}
    except ValueError as error:
        raise CommandError(f"--under: {error}") from error
    compared = [each for each in within_limits(within, limits) if asked.x in each.choice]
    try:
        certainty, rows = certainty_of(config, ledger, compared, asked.x)
    except TooFewError as error:
        raise CommandError(f"run {run.name!r}: {error} with {asked.x}") from error
    return certainty, pareto_front(compared, [WORTH, asked.x]), rows


def certainty_of(
    config: SearchConfig, ledger: Ledger, compared: Sequence[Candidate], x: str
) -> tuple[FrontCertainty, list[Evaluation]]:
    """Return the certainty of a run's front against ``x``, and the evaluations behind it.

    Args:
        config: of the run.
        ledger: of the run.
        compared: the candidates that may be on the front, each with ``x``.
        x: a cost.

    Raises:
        TooFewError: too few candidates are compared.
        RunError: the ledger cannot be read.
    """
    search = ledger.evaluations("search")
    rows = [*search, *ledger.evaluations("repeats")]
    certainty = front_certainty(
        rows,
        compared,
        space_of(config),
        x=x,
        random_sample=set(random_sample(config.search, config.seed, search)),
        seed=config.seed,
    )
    return certainty, rows


def _allocated(
    certainty: FrontCertainty,
    rows: Sequence[Evaluation],
    asked: _Asked,
    config: SearchConfig,
) -> Allocation | None:
    """Return the further seeds for the time that is asked; None if none is."""
    if asked.seconds is None:
        return None
    spent: dict[str, list[float]] = {}
    for row in rows:
        if row.state == "complete":
            spent.setdefault(row.arch_id, []).append(row.spent_seconds)
    hours_each = [np.mean(spent[each.arch_id]) / 3600 for each in certainty.compared]
    if min(hours_each) <= 0:
        raise CommandError("--spend: the ledger has trainings that took no time")
    rng = generator(config.seed, Stream.FURTHER_SEEDS)
    return allocate(certainty, np.array(hours_each), asked.seconds / 3600, rng)


def _show(
    output: Output,
    certainty: FrontCertainty,
    members: Sequence[Candidate],
    chosen: Allocation | None,
    asked: _Asked,
    names: MetricNames,
) -> None:
    best = knee(members, asked.x, WORTH)
    probabilities = certainty.probabilities
    if output.as_json:
        shown: dict[str, Any] = front_json(
            members, x=asked.x, y=WORTH, knee=best, probabilities=probabilities
        )
        shown["certainty"] = certainty_json(certainty, members)
        if chosen is not None:
            shown["spend"] = allocation_json(chosen)
        output.show_json(names.keyed(shown))
        return
    table = front_table(
        members, x=asked.x, y=WORTH, knee=best, probabilities=probabilities, names=names
    )
    output.show(table)
    for note in certainty_notes(certainty, members, names):
        output.say(note)
    if chosen is None or asked.seconds is None:
        return
    if not chosen.further:
        output.say(
            f"no further seeds within {duration(asked.seconds)} of training are expected to "
            "settle anything"
        )
        return
    output.show(allocation_table(chosen, certainty))
    output.say(
        f"{sum(each.seeds for each in chosen.further)} trainings, about "
        f"{duration(3600 * chosen.hours)} of {duration(asked.seconds)}; expected on the wrong "
        f"side: {chosen.misclassified_now:.2f} now, {chosen.misclassified_after:.2f} after them "
        "(at the noise as measured); --do trains them"
    )
