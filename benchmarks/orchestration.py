"""The cost that a search adds to its trainings: its whole path beside plain Ray Tune.

Trials a second that train nothing: both run the same no-op trainable on reused actors, as many as
there are cores: random search over `configs/spaces/digits.yaml` with two objectives. This project's
path is the one of `nas search`: proposals by exact cost, the ledger in an SQLite file, Tune, the
progress display. Plain Ray Tune has its OptunaSearch with Optuna's RandomSampler, once with
Optuna's RDBStorage in an SQLite file and once with its default, which is in memory and gone when
the driver dies; all other settings are as they come. Each runs in a process of its own, whose peak
of resident memory is the driver's.

With ``--training``, trials train for 20 seconds each, and the share of the workers' time that is
training is measured instead, beside plain Ray Tune and a bare pool of processes: see
:mod:`orchestration_share`. From the repository's root::

    python benchmarks/orchestration.py [--training] [--quick] [--trials N] [--json FILE]
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from options import parser_of, write_json
from tables import print_table

BLOCK = 500
"""Trials whose rate is one line: where the driver's CPU time a trial rises from line to line, a
trial's cost grows. (Trials a second also tell what else the machine did.)"""

PLAIN_TRIALS = 300
FEWEST_TRIALS = 20

COLUMNS = {
    "path": "",
    "trials": "trials",
    "trials_per_second": "trials/s",
    "ratio": "this project's / its",
    "driver_cpu_ms": "driver's CPU ms/trial",
    "seconds_to_first": "s to the first",
    "driver_peak_mib": "driver's peak MiB",
}


TRAINING_TRIALS = 15
SHARE_PATHS = ("this_project", "pool", "plain_tune")
TRAINING_COLUMNS = {
    "path": "",
    "trials": "trials",
    "wall_seconds": "s",
    "training_percent": "% training",
    "known_percent": "% accounted for",
}


def main() -> None:
    """Measure, print two tables, and write the same figures as JSON."""
    parser = parser_of(__doc__, quick="fewer trials, and no plain Tune in memory, under 40 s")
    parser.add_argument("--trials", type=int, metavar="N", help="of this project; else 1,000")
    parser.add_argument(
        "--training",
        action="store_true",
        help="trials of 20 s on cores - 1 workers (with --quick of 3 s), --trials of them each",
    )
    options = parser.parse_args()
    if options.training:
        write_json(measure_training(options), options)
        return
    if options.trials is not None and options.trials < FEWEST_TRIALS:
        parser.error(f"--trials must be at least {FEWEST_TRIALS}, got {options.trials}")
    write_json(measure(options), options)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures, which are printed too."""
    trials = options.trials or (100 if options.quick else 1000)
    plain_trials = min(trials, FEWEST_TRIALS if options.quick else PLAIN_TRIALS)
    runs = [
        _in_own_process("this_project", trials),
        _in_own_process("plain_tune_with_sqlite", plain_trials),
    ]
    if not options.quick:
        runs.append(_in_own_process("plain_tune_in_memory", plain_trials))
    rates = [rate(run["ended_at_seconds"]) for run in runs]
    figures = {
        "machine": runs[0]["machine"],
        "concurrency": runs[0]["concurrency"],
        "paths": [
            {
                "path": run["path"],
                "trials": len(run["ended_at_seconds"]),
                "trials_per_second": trials_per_second,
                "ratio": rates[0] / trials_per_second,
                "driver_cpu_ms": 1e3 / rate(run["cpu_seconds"]),
                "seconds_to_first": run["ended_at_seconds"][0],
                "driver_peak_mib": run["driver_peak_mib"],
            }
            for run, trials_per_second in zip(runs, rates, strict=True)
        ],
        "blocks": [
            {"path": run["path"]} | row
            for run in runs
            for row in blocks(run["ended_at_seconds"], run["cpu_seconds"])
        ],
    }
    print(", ".join(f"{key} {value}" for key, value in figures["machine"].items()))
    print_table(
        f"no-op trials from the first one's end on, {figures['concurrency']} at once",
        figures["paths"],
        COLUMNS,
    )
    print_table("the same by blocks", figures["blocks"])
    return figures


def measure_training(options: argparse.Namespace) -> dict[str, Any]:
    """All figures of trials that train, which are printed too."""
    seconds, paths = (3.0, SHARE_PATHS[:2]) if options.quick else (20.0, SHARE_PATHS)
    trials = options.trials or (2 if options.quick else TRAINING_TRIALS)
    rows = []
    for path in paths:
        print(f"{path.replace('_', ' ')}: {trials} trials of {seconds:g} s", flush=True)
        rows.append(_alone(_run_training, path, trials, seconds))
    figures = {
        "machine": rows[0].pop("machine"),
        "trial_seconds": seconds,
        "paths": [{key: row[key] for key in TRAINING_COLUMNS} for row in rows],
        "seconds_by_part": {row["path"]: row["seconds_by_part"] for row in rows},
    }
    print(", ".join(f"{key} {value}" for key, value in figures["machine"].items()))
    print_table("share of wall time x workers", figures["paths"], TRAINING_COLUMNS)
    parts = figures["seconds_by_part"][rows[0]["path"]]
    print_table(
        "this project's by part",
        [{"part": part, "seconds": each} for part, each in parts.items() if each >= 0.005],
    )
    return figures


def rate(ended_at_seconds: Sequence[float]) -> float:
    """Trials a second between the end of the first and the end of the last."""
    return (len(ended_at_seconds) - 1) / (ended_at_seconds[-1] - ended_at_seconds[0])


def blocks(ended_at_seconds: Sequence[float], cpu_seconds: Sequence[float]) -> list[dict[str, Any]]:
    """The rates of blocks of trials, at least four (short of :data:`BLOCK` trials each, if so).

    Args:
        ended_at_seconds: when each trial ended.
        cpu_seconds: what the driver had spent by then.
    """
    size = min(BLOCK, len(ended_at_seconds) // 4)
    ranges = [
        slice(max(0, start - 1), start + size)
        for start in range(0, len(ended_at_seconds) - size + 1, size)
    ]
    return [
        {
            "trials": f"{number * size + 1}-{(number + 1) * size}",
            "trials_per_second": rate(ended_at_seconds[within]),
            "driver_cpu_ms": 1e3 / rate(cpu_seconds[within]),
        }
        for number, within in enumerate(ranges)
    ]


def _in_own_process(path: str, trials: int) -> dict[str, Any]:
    print(f"{path.replace('_', ' ')}: {trials} trials", flush=True)
    return _alone(_run, path, trials)


def _alone(run: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Run something in a process of its own."""
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawned) as pool:
        return pool.submit(run, *arguments).result()


def _run_training(path: str, trials: int, seconds: float) -> dict[str, Any]:
    from orchestration_share import measured  # noqa: PLC0415 - as below

    return measured(path, trials, seconds)


def _run(path: str, trials: int) -> dict[str, Any]:
    from orchestration_paths import PATHS  # noqa: PLC0415 - PyTorch and Ray, in that process alone

    return PATHS[path](trials)


if __name__ == "__main__":
    main()
