"""Results of replays, as plain data and summed up over seeds.

Legend: K complete evaluations of a replay, X places on an axis of evaluations or of seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from nas.benchmark.replay import Replay
from nas.benchmark.specs import PLAIN
from nas.benchmark.statistics import Interval, Score, interval
from nas.benchmark.table import BenchmarkTable
from nas.metrics import whole_counts

ROUND_NUMBERS = (10, 20, 50, 100, 200, 300, 500, 1000, 2000, 5000, 10_000)
MOST_CHECKPOINTS = 4


class Result(NamedTuple):
    """One replay, with its sampler, scheduler and seed."""

    sampler: str
    scheduler: str
    seed: int
    replay: Replay

    @property
    def strategy(self) -> str:
        """The sampler's name, and the scheduler's if there is one."""
        return self.sampler if self.scheduler == PLAIN else f"{self.sampler} + {self.scheduler}"


class Band(NamedTuple):
    """A figure at X places: mean and confidence interval over seeds.

    NaN before every seed has a figure, and after the last evaluation of all seeds.
    """

    mean: np.ndarray
    half_width: np.ndarray  # zeros for one seed


class Summary(NamedTuple):
    """The results of a strategy's replays; totals are means over seeds."""

    strategy: str
    sampler: str
    scheduler: str
    seeds: int
    hypervolume: list[Interval]  # one for each checkpoint
    regret: list[Interval]
    stopped: float  # number of evaluations that ended at a rung
    simulated_seconds: float
    epochs: float  # trained
    proposal_seconds: float  # processor time, mean over all proposals
    ended_early: str  # how often and why; empty if no replay did
    hypervolume_band: Band
    regret_band: Band


def checkpoints(budget: int) -> list[int]:
    """Return up to four numbers of evaluations to report at, such as 50, 100, 200 and 300."""
    before = [number for number in ROUND_NUMBERS if number < budget]
    return [*before[1 - MOST_CHECKPOINTS :], budget]


def evaluations(table: BenchmarkTable, replay: Replay) -> np.ndarray:
    """Return ``[K, 2]``, (maximised, minimised) of the complete evaluations in order."""
    rows = np.array([ended.row for ended in replay.ended if ended.is_complete], dtype=np.int64)
    return np.stack([table.maximised[rows], table.minimised[rows]], axis=1)


def results_json(
    table: BenchmarkTable, results: Iterable[Result], *, on_clock: bool
) -> list[dict[str, Any]]:
    """Return one entry for each replay: ``sampler``, ``seed``, ``evaluations`` (complete ones).

    Args:
        table: the benchmark.
        results: the replays.
        on_clock: add the scheduler, the simulated time at which each evaluation ended, the number
            of stopped ones, and the epochs of all together.
    """
    entries = []
    for result in results:
        entry: dict[str, Any] = {
            "sampler": result.sampler,
            "seed": result.seed,
            "evaluations": [
                [worth, whole_counts({table.minimised_name: cost})[table.minimised_name]]
                for worth, cost in evaluations(table, result.replay).tolist()
            ],
        }
        if on_clock:
            complete = [ended for ended in result.replay.ended if ended.is_complete]
            entry |= {
                "scheduler": result.scheduler,
                "simulated_seconds": [ended.seconds for ended in complete],
                "stopped": len(result.replay.ended) - len(complete),
                "training_epochs": sum(ended.epochs for ended in result.replay.ended),
            }
        entries.append(entry)
    return entries


def summaries(
    table: BenchmarkTable,
    results: Sequence[Result],
    places: Sequence[float],
    axis: np.ndarray,
    *,
    on_clock: bool,
) -> list[Summary]:
    """Sum up each strategy over its seeds, in the order of the results.

    A replay that ended before a place counts there with its last figures.

    Args:
        table: the benchmark.
        results: the replays.
        places: checkpoints, in evaluations, or in simulated seconds if ``on_clock``.
        axis: ``[X]``, the places of curves, in the same unit.
        on_clock: whether ``places`` and ``axis`` are seconds.
    """
    score = Score(table)
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.strategy, []).append(result)
    return [
        _summary(table, score, strategy, group, np.asarray(places, float), axis, on_clock)
        for strategy, group in groups.items()
    ]


def _summary(
    table: BenchmarkTable,
    score: Score,
    strategy: str,
    group: list[Result],
    places: np.ndarray,
    axis: np.ndarray,
    on_clock: bool,
) -> Summary:
    both = np.concatenate([places, axis])
    volumes, regrets, last = [], [], 0.0
    for result in group:
        evaluated = evaluations(table, result.replay)
        when = np.arange(1, len(evaluated) + 1, dtype=float)
        if on_clock:
            when = np.array([e.seconds for e in result.replay.ended if e.is_complete])
        last = max([last, *when])
        volumes.append(_steps(when, score.hypervolumes(evaluated), both, before=0.0))
        regrets.append(_steps(when, score.regrets(evaluated), both, before=np.nan))
    volume, regret = np.array(volumes), np.array(regrets)
    replays = [result.replay for result in group]
    reasons = [replay.ended_early for replay in replays if replay.ended_early]
    return Summary(
        strategy=strategy,
        sampler=group[0].sampler,
        scheduler=group[0].scheduler,
        seeds=len(group),
        hypervolume=[interval(column) for column in volume[:, : len(places)].T],
        regret=[interval(column) for column in regret[:, : len(places)].T],
        stopped=float(np.mean([sum(not e.is_complete for e in r.ended) for r in replays])),
        simulated_seconds=float(np.mean([replay.seconds for replay in replays])),
        epochs=float(np.mean([sum(ended.epochs for ended in r.ended) for r in replays])),
        proposal_seconds=sum(r.proposal_seconds for r in replays)
        / max(1, sum(r.proposals for r in replays)),
        ended_early=(f"{len(reasons)} of {len(group)} seeds: {reasons[0]}" if reasons else ""),
        hypervolume_band=_band(volume[:, len(places) :], axis <= last),
        regret_band=_band(regret[:, len(places) :], axis <= last),
    )


def _steps(when: np.ndarray, values: np.ndarray, places: np.ndarray, before: float) -> np.ndarray:
    """Return the last value at or before each place, ``before`` if there is none yet."""
    last = np.searchsorted(when, places, side="right") - 1
    return np.where(last >= 0, np.append(values, before)[last], before)


def _band(values: np.ndarray, is_searching: np.ndarray) -> Band:
    """Return mean and half width over seeds of ``[S, X]``, NaN where the search has ended."""
    intervals = [interval(column) for column in values.T]
    means = np.array([each.mean for each in intervals])
    half_widths = np.array([each.half_width or 0.0 for each in intervals])
    return Band(np.where(is_searching, means, np.nan), np.where(is_searching, half_widths, np.nan))
