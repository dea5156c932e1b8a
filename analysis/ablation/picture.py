"""The picture of an ablation: a panel for each part of the network, a row for each change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from analysis.ablation.comparisons import AblationResult, Comparison
from analysis.ablation.labels import NETWORK, change_colour, change_label
from analysis.plot_style import FAINT_INK, INK
from analysis.png_figure import new_figure, save_png, style_axes, write_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_INCHES, ROW_INCHES, PANEL_INCHES = 9.0, 0.34, 0.42
HEAD_INCHES = 1.9
ROOM = 1.35
"""The widest difference of a seed or mean reaches this fraction of half the axis' width; intervals
of few seeds may be far wider, and end there with an arrow."""

SHORTEST_POINTS = 0.5
"""The axis' half width where all differences are 0. Unit: percent points."""


def plot_ablation_png(path: Path | str, result: AblationResult) -> None:
    """Draw mean differences with their intervals; small dots are single seeds.

    Args:
        path: the PNG to write; an existing file is replaced.
        result: with at least one comparison.

    Raises:
        OSError: ``path`` cannot be written.
    """
    places = [place for place in result.places if result.in_place(place)]
    rows = [len(result.in_place(place)) for place in places]
    height = HEAD_INCHES + ROW_INCHES * sum(rows) + PANEL_INCHES * len(rows)
    figure = new_figure(WIDTH_INCHES, height)
    grid = figure.add_gridspec(len(rows) + 1, 1, height_ratios=[0.01, *(n + 0.2 for n in rows)])
    head = figure.add_subplot(grid[0])  # the title stands over all panels
    head.set_axis_off()
    write_title(head, result.title, result.notes)
    limit = _limit(result)
    for number, place in enumerate(places, start=1):
        axes = figure.add_subplot(grid[number])
        style_axes(axes)
        comparisons = result.in_place(place)
        for row, comparison in enumerate(comparisons):
            _draw(axes, comparison, row, limit)
        _label(axes, place, result.places[place], comparisons, limit)
        if number < len(places):
            axes.tick_params(axis="x", labelbottom=False, length=0)
        else:
            axes.set_xlabel(
                f"difference of {result.accuracy_label}, points: exchanged less original; filled: "
                "the interval excludes 0",
                fontsize=9,
            )
    save_png(path, figure)


def _limit(result: AblationResult) -> float:
    """Return half the width of the axis, which holds every seed's difference in points."""
    widest = max(abs(value) for each in result.comparisons for value in each.differences)
    limit = 100 * widest
    for each in result.comparisons:
        if each.interval.low is not None and each.interval.high is not None:
            # narrow intervals are shown whole
            ends = 100 * max(abs(each.interval.low), abs(each.interval.high))
            limit = max(limit, min(ends, 2 * 100 * widest))
    return max(SHORTEST_POINTS, limit) * ROOM


def _draw(axes: Axes, comparison: Comparison, row: int, limit: float) -> None:
    colour = change_colour(comparison.change)
    interval = comparison.interval
    if interval.low is not None and interval.high is not None:
        low, high = 100 * interval.low, 100 * interval.high
        axes.hlines(row, max(low, -limit), min(high, limit), color=colour, linewidth=2, zorder=2)
        for end, edge, arrow, is_beyond in (
            (low, -limit, "<", low < -limit),
            (high, limit, ">", high > limit),
        ):
            axes.plot(
                edge if is_beyond else end,
                row,
                marker=arrow if is_beyond else "|",
                markersize=6 if is_beyond else 9,
                color=colour,
                clip_on=False,
                zorder=2,
            )
    values = [100 * each for each in comparison.differences]
    axes.scatter(values, [row] * len(values), s=9, color=INK, alpha=0.55, linewidth=0, zorder=4)
    axes.plot(
        100 * interval.mean,
        row,
        marker="o",
        markersize=8,
        color=colour,
        markerfacecolor=colour if interval.differs else "white",
        markeredgewidth=1.8,
        zorder=3,
    )


def _label(axes: Axes, place: str, what: str, comparisons: list[Comparison], limit: float) -> None:
    """Name the place, its changes on the left, and what they cost on the right."""
    axes.axvline(0, color=FAINT_INK, linewidth=1, zorder=1)
    axes.set_xlim(-limit, limit)
    axes.set_ylim(len(comparisons) - 0.4, -0.6)  # the first change on top
    axes.set_yticks(
        range(len(comparisons)),
        [change_label(each.change) for each in comparisons],
        fontsize=9,
        parse_math=False,
    )
    name = "the whole network" if place == NETWORK else f"{place}: {what}, exchanged for"
    axes.set_title(name, loc="left", fontsize=9, fontweight="bold", pad=4, parse_math=False)
    for row, each in enumerate(comparisons):
        axes.annotate(
            _costs(each),
            (1, row),
            xycoords=("axes fraction", "data"),
            xytext=(10, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=INK if each.is_near_in_params else "#B22222",
        )


def _costs(each: Comparison) -> str:
    seconds = each.seconds_fraction
    time = "" if seconds is None else f", time {seconds:+.0%}"
    return f"params {each.params_fraction:+.1%}, MACs {each.macs_fraction:+.0%}{time}"
