"""The report of ``nas benchmark``: tables and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.table import Table

from analysis.benchmark.picture import Line, plot_benchmark_png
from analysis.benchmark.table import Row, benchmark_table
from nas.benchmark.results import Result, Summary, checkpoints, summaries
from nas.benchmark.table import BenchmarkTable
from nas.cli.output import Output
from nas.errors import CommandError

MOST_PLACES = 300
"""Points of a drawn curve, at most."""

TIME_UNITS = {"h": 3600, "min": 60, "s": 1}
"""Seconds in each unit."""

QUARTERS = 4
"""Figures are given at so many parts of the simulated time in which every replay ran."""


class Report:
    """Tables and a picture of the results of replays.

    Args:
        table: the benchmark.
        results: the replays.
        budget: distinct evaluations in each.
        on_clock: give figures by simulated time, else by evaluations.

    Raises:
        CommandError: no replay has an evaluation.
    """

    def __init__(
        self, table: BenchmarkTable, results: Sequence[Result], budget: int, *, on_clock: bool
    ) -> None:
        if not any(result.replay.ended for result in results):
            raise CommandError("no sampler proposed a single architecture that the table has")
        self.table = table
        self.on_clock = on_clock
        self.axes = _clock_axes(results) if on_clock else _evaluation_axes(budget)
        axes = self.axes
        self.summaries = summaries(table, results, axes.places, axes.curve, on_clock=on_clock)

    def show(self, output: Output) -> None:
        """Print the tables, and which samplers ended early."""
        axes, strategies = self.axes, self.summaries
        tables = [
            benchmark_table(
                "hypervolume, share of the true front's (± 95 % confidence interval over seeds)",
                axes.headings,
                [
                    Row(s.strategy, s.hypervolume, (f"{s.proposal_seconds:.4f}",))
                    for s in strategies
                ],
                best_is_most=True,
                more_headings=("s a proposal",),
            ),
            benchmark_table(
                f"regret of {self.table.maximised_name} (the table's best less the best found)",
                axes.headings,
                [Row(s.strategy, s.regret) for s in strategies],
                best_is_most=False,
            ),
        ]
        if self.on_clock:
            tables.append(_took_table(strategies))
        for shown in tables:
            output.show(shown, columns=output.columns_of(shown))
        if any(summary.sampler == "random" for summary in strategies):
            output.say(f"random draws uniformly over the {self.table.space.sampled_over}")
        for summary in strategies:
            if summary.ended_early:
                output.say(f"{summary.strategy} ended early with {summary.ended_early}")

    def draw(self, path: Path) -> None:
        """Draw the curves.

        Raises:
            CommandError: ``path`` cannot be written.
        """
        axes, strategies, table = self.axes, self.summaries, self.table
        seeds = strategies[0].seeds
        try:
            plot_benchmark_png(
                path,
                axes.curve / axes.unit,
                [Line(s.strategy, s.sampler, s.scheduler, *s.hypervolume_band) for s in strategies],
                [Line(s.strategy, s.sampler, s.scheduler, *s.regret_band) for s in strategies],
                title=f"{table.name}: {len(table.rows):,} architectures, {seeds} seeds",
                x_label=axes.label,
                regret_label=f"regret of {table.maximised_name}",
            )
        except OSError as error:
            raise CommandError(f"--plot: cannot write {path}: {error.strerror}") from error


class _Axes(NamedTuple):
    """The places of figures, in evaluations or simulated seconds."""

    label: str
    unit: int  # the picture's axis is in so many of them
    places: list[float]  # in the tables
    headings: list[str]
    curve: np.ndarray  # in the picture


def _evaluation_axes(budget: int) -> _Axes:
    numbers = checkpoints(budget)
    curve = np.unique(np.linspace(1, budget, min(budget, MOST_PLACES)).round())
    headings = [f"at {number}" for number in numbers]
    return _Axes("distinct evaluations", 1, [float(n) for n in numbers], headings, curve)


def _clock_axes(results: Sequence[Result]) -> _Axes:
    ends = [end for end in (result.replay.seconds for result in results) if end]
    quarters = [min(ends) * part / QUARTERS for part in range(1, QUARTERS + 1)]
    unit = next((u for u in TIME_UNITS if max(ends) >= 2 * TIME_UNITS[u]), "s")
    headings = [*(f"{place / TIME_UNITS[unit]:.3g} {unit}" for place in quarters), "at its end"]
    curve = np.linspace(0, max(ends), MOST_PLACES + 1)[1:]
    label = f"simulated time, {unit}"
    return _Axes(label, TIME_UNITS[unit], [*quarters, max(ends)], headings, curve)


def _took_table(strategies: Sequence[Summary]) -> Table:
    rows = []
    for summary in strategies:
        hours = summary.simulated_seconds / TIME_UNITS["h"]
        cells = (f"{hours:.3g}", f"{summary.epochs:,.0f}", f"{summary.stopped:.0f}")
        rows.append(Row(summary.strategy, (), cells))
    return benchmark_table(
        "what a search took (mean over seeds)",
        (),
        rows,
        best_is_most=False,
        more_headings=("simulated hours", "training epochs", "stopped"),
    )
