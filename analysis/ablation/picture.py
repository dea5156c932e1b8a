"""The picture of an ablation: a panel for each part of the network, a row for each change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from analysis.ablation.comparisons import AblationResult, Comparison
from analysis.ablation.labels import change_colour, change_label
from analysis.ablation.tables import part_text
from analysis.plot_style import FAINT_INK, INK
from analysis.png_figure import new_figure, save_png, style_axes, write_title
from search_space.swaps import NEAR

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_INCHES, ROW_INCHES, PANEL_INCHES = 9.0, 0.34, 0.42
HEAD_INCHES = 1.9
ROOM = 1.15
"""Half the axis' width, as a multiple of the farthest value on it."""

WIDEST = 5
"""An interval of few seeds may be far wider than the seeds' differences; beyond this multiple of
the largest of them it ends with an arrow."""

SEEDS_BELOW = 0.24
"""The seeds' dots are this part of a row below the interval."""

NOT_NEAR_COLOUR = "#B22222"

LEGEND = (
    "dots: single seeds; filled: the interval excludes 0; arrow: it goes on; "
    f"red: parameters differ by more than {NEAR:.0%}"
)

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
    write_title(head, result.title, [*result.notes, LEGEND])
    limit = _limit(result)
    for number, place in enumerate(places, start=1):
        axes = figure.add_subplot(grid[number])
        style_axes(axes)
        comparisons = result.in_place(place)
        for row, comparison in enumerate(comparisons):
            _draw(axes, comparison, row, limit)
        name = part_text(place, result)
        _label(axes, f"{name}, exchanged for" if result.places[place] else name, comparisons, limit)
        if number < len(places):
            axes.tick_params(axis="x", labelbottom=False, length=0)
        else:
            axes.set_xlabel(f"exchanged less original, {result.accuracy_label}, points")
    save_png(path, figure)


def _limit(result: AblationResult) -> float:
    """Return half the width of the axis, which holds every seed's difference. Unit: points."""
    seeds = max(abs(value) for each in result.comparisons for value in each.differences)
    ends = [
        abs(end)
        for each in result.comparisons
        for end in (each.interval.low, each.interval.high)
        if end is not None
    ]
    farthest = min(max([seeds, *ends]), WIDEST * seeds)
    return max(SHORTEST_POINTS, 100 * farthest * ROOM)


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
    below = [row + SEEDS_BELOW] * len(values)
    axes.scatter(values, below, s=10, color=INK, alpha=0.6, linewidth=0, zorder=4)
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


def _label(axes: Axes, name: str, comparisons: list[Comparison], limit: float) -> None:
    """Name the part, its changes on the left, and what they cost on the right."""
    axes.axvline(0, color=FAINT_INK, linewidth=1, zorder=1)
    axes.set_xlim(-limit, limit)
    axes.set_ylim(len(comparisons) - 0.35, -0.6)  # the first change on top
    axes.set_yticks(
        range(len(comparisons)),
        [change_label(each.change) for each in comparisons],
        fontsize=9,
        parse_math=False,
    )
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
            color=INK if each.is_near_in_params else NOT_NEAR_COLOUR,
        )


def _costs(each: Comparison) -> str:
    seconds = each.seconds_fraction
    time = "" if seconds is None else f", time {seconds:+.0%}"
    return f"params {each.params_fraction:+.1%}, MACs {each.macs_fraction:+.0%}{time}"
