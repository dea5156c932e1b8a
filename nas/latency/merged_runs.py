"""The candidates of one run, or of several whose results compare, as of one search."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.latency.measurements import (
    all_latencies,
    by_latency_limit,
    check_comparable,
    with_second_latencies,
)
from nas.metrics import METRICS, PEAK_MEMORY
from nas.storage.candidates import Candidate, candidates
from nas.storage.evaluation import Evaluation, Kind
from nas.storage.ledger_view import LedgerView
from nas.storage.run.data_file import fingerprints_of_run
from nas.storage.run.folder import RunFolder

KINDS: tuple[Kind, ...] = ("search", "repeats")
"""The studies that candidates are evaluated in."""


class ReadRun(NamedTuple):
    """A run, opened to read."""

    run: RunFolder
    config: SearchConfig
    ledger: LedgerView


class Merged(NamedTuple):
    """The architectures that some runs evaluated."""

    config: SearchConfig  # of the run with the loosest limit on latency
    within: list[Candidate]  # that limit
    over: list[Candidate]  # those whose second measurement of latency is over it
    runs_of: Mapping[str, tuple[str, ...]]  # the names of the runs, by arch_id
    notes: tuple[str, ...]  # what is left out, in whole sentences


def merged(runs: Sequence[ReadRun], asked: Collection[str] = ()) -> Merged:
    """Merge the evaluations of runs by architecture; a training that several have counts once.

    Latencies of different devices or settings are never mixed: they are refused where latency is
    asked for, and else left out.

    Args:
        runs: one or more.
        asked: the metrics that candidates are compared by.

    Raises:
        RunError: the runs do not compare, or a ledger cannot be read.
    """
    check_compare(runs, asked)
    rows = _distinct(runs)
    timed = [each for each in runs if each.config.uses_latency]
    notes: tuple[str, ...] = ()
    try:
        check_comparable(
            [latency for each in timed for latency in all_latencies(each.ledger)],
            " and ".join(each.ledger.place for each in timed),
        )
    except RunError as error:
        if len(timed) == 1 or any(METRICS[name].uses_latency for name in asked):
            raise
        notes = (f"Latencies are left out: {error}.",)
        rows = [(name, _without_latency(row)) for name, row in rows]
        timed = []
    evaluated = candidates(row for _, row in rows)
    for each in timed:
        evaluated = with_second_latencies(evaluated, each.config, each.ledger)
    loosest = max((each.config for each in runs), key=_latency_limit)
    within, over = by_latency_limit(loosest, evaluated)
    runs_of: dict[str, dict[str, None]] = {}
    for name, row in rows:
        runs_of.setdefault(row.arch_id, {})[name] = None
    names = {arch_id: tuple(those) for arch_id, those in runs_of.items()}
    return Merged(loosest, within, over, names, notes)


def check_compare(runs: Sequence[ReadRun], asked: Collection[str] = ()) -> None:
    """Check that the results of runs compare: task, images, accuracy, recipe and fidelity.

    Raises:
        RunError: they do not; the message has the two runs and what differs.
    """
    names = [each.run.name for each in runs]
    paths = [each.run.path.resolve() for each in runs]
    for index, path in enumerate(paths):
        if path in paths[:index] or names[index] in names[:index]:
            raise RunError(f"run {names[index]!r} is given twice")
    if len(runs) == 1:
        return
    first, *others = [(each.run.name, _terms(each, asked)) for each in runs]
    for name, terms in others:
        for what, value in terms.items():
            mine = first[1][what]
            if value != mine and None not in (value, mine):
                raise RunError(
                    f"runs {first[0]!r} and {name!r} do not compare, as their {what} differ: "
                    f"{mine} and {value}; query them one by one"
                )


def _terms(read: ReadRun, asked: Collection[str]) -> dict[str, Any]:
    """Return what results depend on, beside architecture and seed; None where it is not known."""
    config = read.config
    terms: dict[str, Any] = {f"tasks' {name}": value for name, value in read.run.task()}
    fingerprints = fingerprints_of_run(read.run)
    terms["fingerprints of images"] = fingerprints[-1] if fingerprints else None
    terms["accuracies (metric)"] = config.metric
    terms["fidelities"] = str(config.fidelity)
    terms["proxy recipes"] = config.proxy_id
    if "val_accuracy_by_latency" in asked:
        latency = config.latency
        terms["weights of latency"] = (
            latency.target_ms,
            latency.exponent_within,
            latency.exponent_over,
        )
    if PEAK_MEMORY in asked:
        terms["batch sizes of retrain"] = config.retrain.batch_size
    return terms


def _distinct(runs: Sequence[ReadRun]) -> list[tuple[str, Evaluation]]:
    """Return the complete rows, each with its run's name; those that an earlier run has are left.

    A search's own evaluations come first: a repeat of another run with the same seed is the same
    training, by which the first search chose.
    """
    rows: list[tuple[str, Evaluation]] = []
    owner: dict[tuple[str, str, int], str] = {}
    for kind in KINDS:
        for each in runs:
            name = each.run.name
            for row in each.ledger.evaluations(kind):
                key = (row.arch_id, row.recipe_id, row.seed)
                if row.state == "complete" and owner.setdefault(key, name) == name:
                    rows.append((name, row))
    return rows


def _without_latency(row: Evaluation) -> Evaluation:
    kept = {
        name: value
        for name, value in row.metrics.items()
        if name not in METRICS or not METRICS[name].uses_latency
    }
    return replace(row, metrics=kept)


def _latency_limit(config: SearchConfig) -> float:
    return math.inf if config.limits.latency_ms is None else config.limits.latency_ms
