"""Trials that ``search.stop_below`` saves and what they would have found, on tables of networks.

The default sampler is replayed with each seed until the budget is used up, on one worker. At each
proposal the growth that it expects of the next hour is known, so that one replay shows where the
search would have ended for every limit. An hour is a mean training: the limits are shares of the
front's hypervolume for each trial.

Regret is the hypervolume that the trials after the end would have added, as a share of the true
front's (1 is all of it). ``at equal trials`` is the regret of searches that all end after the mean
number of trials, whatever they expect. With ``one evaluation`` a search sees one of a network's
three trainings, by seed, and chooses its front by it; the hypervolume is by the mean of all three.

From the repository's root::

    python benchmarks/stop_below.py [--nas-bench-macro FILE] [--quick] [--seeds N]
        [--processes N] [--json FILE]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from machine import machine
from options import parser_of, write_json
from tables import print_table

from nas.benchmark.nas_bench_macro import read_nas_bench_macro
from nas.benchmark.noise import shown_share
from nas.benchmark.parallel import Job, replay_all
from nas.benchmark.replay import Replay
from nas.benchmark.results import Result
from nas.benchmark.specs import parse_spec
from nas.benchmark.statistics import Interval, Score, interval
from nas.benchmark.table import MEAN_SECONDS, BenchmarkTable
from nas.benchmark.tabulation_reader import read_tabulated
from nas.cli.commands.tools.benchmark_source import SHIPPED
from nas.search.endings.expected_growth import ESTIMATES, are_below

SEEDS, QUICK_SEEDS = 20, 2
MACRO_BUDGET, DIGITS_BUDGET, QUICK_BUDGET = 300, 100, 40
EVALUATIONS = 3
"""Trainings of each network of the table that ships."""

LIMITS = (0.01, 0.003, 0.001, 0.0003, 0.0001, 0.00003)
"""Values of ``search.stop_below``, where an hour is a mean training."""


class Case(NamedTuple):
    """A table to search, for each seed as the search sees it, and its true figures."""

    name: str
    truth: BenchmarkTable
    seen: Sequence[BenchmarkTable]  # by seed, in turn
    budget: int  # trials


def main() -> None:
    """Replay all cases, print a table of each, and write the same figures as JSON."""
    parser = parser_of(
        __doc__, quick=f"{QUICK_SEEDS} seeds of {QUICK_BUDGET} trials on the table that ships"
    )
    parser.add_argument("--nas-bench-macro", type=Path, metavar="FILE", help="replay on it too")
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help=f"else {SEEDS}")
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="else 1")
    options = parser.parse_args()
    for name in ("seeds", "processes"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(options, name)}")
    seeds = QUICK_SEEDS if options.quick else options.seeds
    rows = []
    for case in cases(options.nas_bench_macro, quick=options.quick):
        replays = replayed(case, seeds, options.processes)
        shown = [ended_below(case, replays, limit) for limit in LIMITS]
        rows += shown
        print_table(
            f"{case.name}: {case.budget} trials, {seeds} seeds, ± half a 95 % interval",
            [texts(row) for row in shown],
        )
    write_json({"machine": machine(), "seeds": seeds, "rows": rows}, options)


def cases(macro: Path | None, *, quick: bool) -> list[Case]:
    """Return what is replayed; an hour of each table is a mean training."""
    digits = with_hours(read_tabulated(SHIPPED))
    single = [
        digits.with_results(digits.trainings[:, evaluation], digits.curves)
        for evaluation in range(EVALUATIONS)
    ]
    budget = QUICK_BUDGET if quick else DIGITS_BUDGET
    listed = [
        Case("digits", digits, [digits], budget),
        Case("digits, one evaluation", digits, single, budget),
    ]
    if macro is not None:
        table = with_hours(read_nas_bench_macro(macro))
        listed.append(
            Case("NAS-Bench-Macro", table, [table], QUICK_BUDGET if quick else MACRO_BUDGET)
        )
    return listed


def with_hours(table: BenchmarkTable) -> BenchmarkTable:
    """Return the table with times of which the mean is an hour, and without curves."""
    table.seconds = table.seconds * MEAN_SECONDS / table.seconds.mean()
    table.epochs, table.curves = (), np.empty((len(table.rows), 0))
    return table


def replayed(case: Case, seeds: int, processes: int) -> dict[int, Replay]:
    """Replay the default sampler with each seed, to the end of the budget."""
    default, none = parse_spec("default"), parse_spec("none")
    ended: list[Result] = []
    for turn, seen in enumerate(case.seen):
        jobs = [
            Job(default, none, seed, case.budget, workers=1)
            for seed in range(turn, seeds, len(case.seen))
        ]
        if jobs:
            replay_all(seen, jobs, processes=processes, ended=ended, on_change=lambda: None)
            print(f"{case.name}: {len(ended)} of {seeds} replays", file=sys.stderr, flush=True)
    return {result.seed: result.replay for result in ended}


def ended_below(case: Case, replays: dict[int, Replay], limit: float) -> dict[str, Any]:
    """Return the trials saved and the regret of searches that end below a limit."""
    score = Score(case.truth)
    trials = {seed: trials_until(replay, limit) for seed, replay in replays.items()}
    mean = round(float(np.mean(list(trials.values()))))
    saved, regret, fixed = [], [], []
    for seed, replay in replays.items():
        seen = case.seen[seed % len(case.seen)]
        rows = np.array([ended.row for ended in replay.ended])
        whole = shown_share(score, case.truth, seen, rows)
        saved.append(len(rows) - trials[seed])
        regret.append(whole - shown_share(score, case.truth, seen, rows[: trials[seed]]))
        fixed.append(whole - shown_share(score, case.truth, seen, rows[:mean]))
    return {
        "table": case.name,
        "stop_below": limit,
        "seeds": len(replays),
        "ended": sum(number > 0 for number in saved),
        "trials": case.budget,
        "trials_saved": interval(saved),
        "regret": interval(regret),
        "most_regret": max(regret),
        "regret_at_equal_trials": interval(fixed),
    }


def trials_until(replay: Replay, limit: float) -> int:
    """Return the trials of a search that ends below a limit: the last one was proposed with it."""
    estimates = replay.growth
    for count in range(ESTIMATES, len(estimates) + 1):
        if are_below(estimates[:count], limit):
            return estimates[count - 1].trials + 1
    return len(replay.ended)


def texts(row: dict[str, Any]) -> dict[str, str]:
    """Return a row as it is printed."""
    return {
        "stop_below": f"{row['stop_below']:f}".rstrip("0"),
        "ended": f"{row['ended']} of {row['seeds']}",
        "trials saved": spelled(row["trials_saved"], 1),
        "regret": spelled(row["regret"], 4),
        "most regret": f"{row['most_regret']:.4f}",
        "regret at equal trials": spelled(row["regret_at_equal_trials"], 4),
    }


def spelled(each: Interval, decimals: int) -> str:
    """Return a mean with half the width of its interval, which one seed does not have."""
    half = "" if each.half_width is None else f" ± {each.half_width:.{decimals}f}"
    return f"{each.mean:.{decimals}f}{half}"


if __name__ == "__main__":
    main()
