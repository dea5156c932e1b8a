"""``nas benchmark``: replay samplers and schedulers on a table of trained architectures."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from nas.atomic_write import replace_file
from nas.benchmark.noise import Noise, check_trainings, parse_noise
from nas.benchmark.parallel import Job, replay_all
from nas.benchmark.results import Result, results_json
from nas.benchmark.specs import (
    PLAIN,
    Spec,
    SpecError,
    all_samplers,
    build_schedule,
    parse_spec,
    sampler_of,
)
from nas.benchmark.statistics import Score
from nas.benchmark.table import BenchmarkTable, TableError
from nas.cli.commands.picture_files import check_ending
from nas.cli.commands.tools.benchmark_report import Report
from nas.cli.commands.tools.benchmark_source import Source, read_source
from nas.cli.output import Output
from nas.cli.progress import LineDisplay
from nas.errors import CommandError
from nas.quantities import duration
from nas.storage.strict_json import json_text

MOST_SEEDS = 10_000


def run_benchmark(
    output: Output,
    source: Source,
    *,
    samplers: str,
    scheduler: str,
    budget: int,
    seeds: str,
    workers: int,
    noise: str,
    processes: int | None,
    json_file: Path | None,
    plot: Path | None,
) -> None:
    """Replay every sampler with every seed, and print, draw and write the results.

    An interruption or an error is raised after a report on the seeds that are complete.

    Raises:
        CommandError, ConfigError: see :mod:`nas.errors`.
        KeyboardInterrupt: on Ctrl-C.
    """
    check_ending("--plot", plot, ".png")
    for option, file in (("--plot", plot), ("--json", json_file)):
        if file is not None and not file.absolute().parent.is_dir():
            raise CommandError(f"{option}: there is no folder {str(file.parent)!r}")
        if file is not None and file.is_dir():
            raise CommandError(f"{option} must be a file, got the folder {str(file)!r}")
    for option, value in (("--budget", budget), ("--workers", workers), ("--processes", processes)):
        if value is not None and value < 1:
            raise CommandError(f"{option} must be at least 1, got {value}")
    numbers = parse_seeds(seeds)
    table = read_source(source)
    if budget > len(table.rows):
        output.say(f"the budget is all {len(table.rows)} architectures of {table.name}")
        budget = len(table.rows)
    strategies = _strategies(table, samplers, scheduler)
    seen_noise = _noise(table, noise) if noise else None
    on_clock = workers > 1 or any(halving.name != PLAIN for _, halving in strategies)
    if on_clock:
        try:
            table.check_clock()
        except TableError as error:
            raise CommandError(str(error)) from error
    _announce(output, table, budget=budget, seeds=numbers, workers=workers, on_clock=on_clock)
    jobs = [
        Job(sampler, halving, seed, budget, workers, seen_noise)
        for seed in numbers  # outermost, so that the time left can be estimated
        for sampler, halving in strategies
    ]
    ended: list[Result] = []

    def report(results: list[Result]) -> None:
        places = [(sampler.text, halving.text) for sampler, halving in strategies]
        results.sort(key=lambda result: (places.index(result[:2]), result.seed))
        shown = Report(table, results, budget, on_clock=on_clock)
        shown.show(output)  # first: writing a file may fail
        if json_file is not None:
            _write_json(json_file, results_json(table, results, on_clock=on_clock))
        if plot is not None:
            shown.draw(plot)

    try:
        _replay(output, table, jobs, processes or _cpus(), ended)
    except BaseException:
        replays_of = Counter(result.seed for result in ended)
        whole = [seed for seed in numbers if replays_of[seed] == len(strategies)]
        if results := [r for r in ended if r.seed in whole and r.replay.ended]:
            shares = f"{len(whole)} of {len(numbers)} seeds were, and gave:"
            output.say(f"ended before all was replayed; {shares}")
            report(results)
        raise
    report(ended)


def parse_seeds(text: str) -> list[int]:
    """Parse ``20`` for seeds 0 to 19, or a range such as ``5-9``.

    Raises:
        CommandError: the text is something else, or names no seed or over ``MOST_SEEDS``.
    """
    match = re.fullmatch(r"(?:(?P<first>\d{1,20})-)?(?P<last>\d{1,20})", text.strip())
    if match is None:
        raise CommandError(
            f"--seeds must be a number such as 20, or a range such as 0-19, got {text!r}"
        )
    if match["first"] is None:
        first, end = 0, int(match["last"])
    else:
        first, end = int(match["first"]), int(match["last"]) + 1
    if not 1 <= end - first <= MOST_SEEDS:
        raise CommandError(f"--seeds must name 1 to {MOST_SEEDS:,} seeds, got {text!r}")
    return list(range(first, end))


def _strategies(table: BenchmarkTable, samplers: str, schedulers: str) -> list[tuple[Spec, Spec]]:
    """Return every sampler with every scheduler, after building each once to check it."""
    try:
        chosen = [parse_spec(text) for text in _split(samplers) if samplers]
        halvings = [parse_spec(text) for text in schedulers.split(",")]
        for option, specs in (("--samplers", chosen), ("--scheduler", halvings)):
            texts = [spec.text for spec in specs]
            if len(set(texts)) < len(texts):
                raise CommandError(f"{option} must name each once, got {','.join(texts)}")
        for halving in halvings:
            build_schedule(halving, table)
        Score(table)  # raises here what would else be raised after all replays
    except (SpecError, TableError) as error:
        raise CommandError(str(error)) from error
    chosen = chosen or all_samplers(table)
    for sampler in chosen:
        sampler_of(sampler, table, seed=0)
    return [(sampler, halving) for sampler in chosen for halving in halvings]


def _noise(table: BenchmarkTable, text: str) -> Noise:
    """Parse ``--noise``, and check that the table has it."""
    try:
        noise = parse_noise(text)
        if noise.points is None:
            check_trainings(table)
    except (ValueError, TableError) as error:
        raise CommandError(f"--noise: {error}") from error
    return noise


def _split(texts: str) -> list[str]:
    """Split at the commas that are not in brackets."""
    return re.split(r",(?![^\[]*\])", texts)


def _write_json(path: Path, entries: Sequence[dict[str, Any]]) -> None:
    try:
        replace_file(path, json_text(entries, indent=None).encode())
    except OSError as error:
        raise CommandError(f"--json: cannot write {path}: {error.strerror}") from error


def _replay(
    output: Output,
    table: BenchmarkTable,
    jobs: Sequence[Job],
    processes: int,
    ended: list[Result],
) -> None:
    """Do all jobs with a progress line; results go to ``ended``."""
    began = time.monotonic()

    def line() -> str:
        elapsed, done = time.monotonic() - began, len(ended)
        rest = elapsed / done * (len(jobs) - done) if done else 0.0
        left = f" | about {duration(rest)} left" if rest else ""
        return f"replays {done}/{len(jobs)} | {duration(elapsed)} elapsed{left}"

    with LineDisplay(output, line) as display:
        try:
            replay_all(table, jobs, processes=processes, ended=ended, on_change=display.update)
        except BrokenProcessPool as error:
            raise CommandError(
                "a replay's process was killed, perhaps since memory ran out; try --processes 1"
            ) from error


def _announce(
    output: Output,
    table: BenchmarkTable,
    *,
    budget: int,
    seeds: Sequence[int],
    workers: int,
    on_clock: bool,
) -> None:
    choices = len(table.space.parameters)
    text = (
        f"{table.name}: {len(table.rows):,} architectures of {choices} choices, "
        f"{table.maximised_name} against {table.minimised_name}; {budget:,} distinct evaluations, "
        f"seeds {seeds[0]} to {seeds[-1]}"
    )
    if on_clock:
        text += f", {workers} simulated workers"
        if not table.has_seconds:
            text += f" (times in proportion to {table.minimised_name}, an hour on average)"
    output.say(text)


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
