"""Start-up of the command line, and a question about ten thousand trials.

Start-up is given as a ratio to a bare Python start (``python -c pass``), in seconds of CPU time,
which what else the machine does disturbs less than it disturbs the clock. The query's time is that
of ``nas frontier`` on a run with ten thousand trials less that on one with two dozen. From the
repository's root::

    python benchmarks/command_line.py [--quick] [--json FILE]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

from options import parser_of, write_json
from tables import print_table

FEW, MANY, QUICK_MANY = 24, 10_000, 1000
ROUNDS, QUICK_ROUNDS = 7, 3
MOST = {"nas --help": 15.0, "nas frontier": 40.0}
"""The most bare starts that each command may take; a full run fails above them."""

MOST_QUERY_SECONDS = 1.0
NAS = (sys.executable, "-m", "nas.cli.main")


class Cost(NamedTuple):
    """The cost of one process."""

    cpu_seconds: float  # user and system
    peak_mib: float  # resident


def main() -> None:
    """Measure, print a table, write the same figures as JSON, and fail above the bounds."""
    parser = parser_of(__doc__, quick="a thousand trials and three rounds")
    options = parser.parse_args()
    many = QUICK_MANY if options.quick else MANY
    with tempfile.TemporaryDirectory() as scratch:
        few_run, many_run = (made_run(Path(scratch), trials) for trials in (FEW, many))
        commands = {
            "python -c pass": (sys.executable, "-c", "pass"),
            "nas --help": (*NAS, "--help"),
            "nas frontier": (*NAS, "frontier", few_run),
            f"nas frontier, {many:,} trials": (*NAS, "frontier", many_run),
        }
        costs = in_turn(commands, QUICK_ROUNDS if options.quick else ROUNDS)
    bare = median(each.cpu_seconds for each in costs["python -c pass"])
    rows: list[dict[str, Any]] = [
        {
            "command": name,
            "cpu_seconds": median(each.cpu_seconds for each in those),
            "quartile_range_seconds": _quartile_range([each.cpu_seconds for each in those]),
            "bare_starts": median(each.cpu_seconds for each in those) / bare,
            "peak_mib": median(each.peak_mib for each in those),
            "n": len(those),
        }
        for name, those in costs.items()
    ]
    query_seconds = rows[-1]["cpu_seconds"] - rows[-2]["cpu_seconds"]
    print_table("start-up", rows)
    print(f"\n{many:,} trials are answered in {query_seconds:.2f} s after start-up")
    from machine import machine  # noqa: PLC0415 - a child's peak begins with this process's size

    write_json(
        {
            "machine": machine(),
            "start_up": rows,
            "query": {"trials": many, "seconds": query_seconds},
        },
        options,
    )
    slow = [
        f"{row['command']} takes {row['bare_starts']:.1f} bare starts, at most {MOST[name]:g}"
        for row in rows
        if (name := row["command"]) in MOST and row["bare_starts"] > MOST[name]
    ]
    if query_seconds > MOST_QUERY_SECONDS:
        slow.append(f"the query takes {query_seconds:.2f} s, at most {MOST_QUERY_SECONDS:g}")
    if slow and not options.quick:
        raise SystemExit("; ".join(slow))


def made_run(folder: Path, trials: int) -> str:
    """Make a run in a process of its own, and return its folder."""
    maker = Path(__file__).with_name("many_trials.py")
    command = [sys.executable, str(maker), str(folder), str(trials)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def in_turn(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, list[Cost]]:
    """Run every command once a round; one round before them fills the disk's cache."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for round_ in range(rounds + 1):
        for name, command in commands.items():
            cost = cost_of(command)
            if round_:
                costs[name].append(cost)
    return costs


def cost_of(command: Sequence[str]) -> Cost:
    """Run a command to its end, which must be a success, and return what it took."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _quartile_range(values: Sequence[float]) -> float:
    low, _, high = quantiles(values, n=4, method="inclusive")
    return high - low


if __name__ == "__main__":
    main()
