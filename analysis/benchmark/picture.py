"""The picture of replays: hypervolume and regret of each strategy against what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from analysis.plot_style import INK, PALETTE, log_ticks
from analysis.png_figure import new_figure, save_png, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE_STYLES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))
LEGEND_LETTERS = 110  # that a line of the legend has room for
LEGEND_SPACE = 9  # letters' room that an entry's line and margin take
BAND_ALPHA = 0.15
LEFT_OUT = 0.1
"""The share of the axis, at its beginning, that does not set the limits of y.

All strategies are poor there, and would take the room of the rest.
"""

ROOM = 1.4  # a log axis goes on by this factor below and above what must be seen


class Line(NamedTuple):
    """A strategy's mean at X points of the axis with half widths of its intervals, ``[X]`` each.

    NaN where there is none. A sampler keeps its colour whatever the scheduler.
    """

    strategy: str
    sampler: str
    scheduler: str
    mean: np.ndarray
    half_width: np.ndarray


def plot_benchmark_png(
    path: Path | str,
    points: np.ndarray,
    hypervolumes: Sequence[Line],
    regrets: Sequence[Line],
    *,
    title: str,
    x_label: str,
    regret_label: str,
) -> None:
    """Draw two panels: hypervolume, and regret on a log scale, each with confidence bands.

    Args:
        path: the PNG to write; an existing file is replaced.
        points: ``[X]``, numbers of evaluations or hours, ascending.
        hypervolumes: shares of the true front's, a line a strategy.
        regrets: as many lines, in the same order.
        title: over the picture.
        x_label: what ``points`` are.
        regret_label: what regret is, with its unit.

    Raises:
        OSError: ``path`` cannot be written.
    """
    figure = new_figure(11, 5.2)
    heading = {"fontsize": 12, "fontweight": "bold", "color": INK}
    # A CSV's name and its columns' are no formulas, whatever dollars they hold.
    figure.suptitle(title, x=0.012, ha="left", parse_math=False, **heading)
    left, right = figure.subplots(1, 2)
    for axes, lines in ((left, hypervolumes), (right, regrets)):
        style_axes(axes)
        _draw(axes, points, lines)
        axes.set_xlim(0, points[-1])
        axes.set_xlabel(x_label)
    shown = points >= LEFT_OUT * points[-1]
    lowest = min(np.nanmin(line.mean[shown], initial=1.0) for line in hypervolumes)
    left.set_ylim(lowest - 0.1 * (1 - lowest), 1 + 0.02 * (1 - lowest))
    left.set_ylabel("hypervolume, share of the true front's")
    _scale_regret(right, [line.mean[shown] for line in regrets])
    right.set_ylabel(regret_label, parse_math=False)
    figure.legend(
        handles=left.get_lines(),
        loc="outside lower center",
        ncols=_columns([line.strategy for line in hypervolumes]),
        fontsize=9,
        title="mean over seeds, and its 95 % confidence interval",
        title_fontproperties={"size": 9},
        frameon=False,
    )
    save_png(path, figure)


def _draw(axes: Axes, points: np.ndarray, lines: Sequence[Line]) -> None:
    samplers = list(dict.fromkeys(line.sampler for line in lines))
    schedulers = list(dict.fromkeys(line.scheduler for line in lines))
    for line in lines:
        around, index = divmod(samplers.index(line.sampler), len(PALETTE))
        style = schedulers.index(line.scheduler) + around * len(schedulers)
        colour = PALETTE[index]
        axes.fill_between(
            points,
            line.mean - line.half_width,
            line.mean + line.half_width,
            step="post",
            color=colour,
            alpha=BAND_ALPHA,
            linewidth=0,
            zorder=2,
        )
        axes.step(
            points,
            line.mean,
            where="post",
            color=colour,
            linestyle=LINE_STYLES[style % len(LINE_STYLES)],
            linewidth=1.6,
            label=line.strategy,
            zorder=3,
        )


def _columns(names: Sequence[str]) -> int:
    """Return the number of columns of a legend whose lines fit the picture."""
    for columns in range(len(names), 1, -1):
        # Filled column by column, each as wide as its longest name.
        height = -(-len(names) // columns)
        widths = [
            max(map(len, names[start : start + height])) + LEGEND_SPACE
            for start in range(0, len(names), height)
        ]
        if sum(widths) <= LEGEND_LETTERS:
            return columns
    return 1


def _scale_regret(axes: Axes, means: Sequence[np.ndarray]) -> None:
    """Set a log scale down to the least regret above zero; zero itself lies below the axis."""
    values = np.concatenate(means)
    positive = values[values > 0]  # not NaN either
    if len(positive):
        low, high = positive.min() / ROOM, positive.max() * ROOM
        ticks = log_ticks(low, high)
        axes.set_yscale("log", nonpositive="clip")
        axes.set_ylim(low, high)
        axes.set_yticks(
            ticks,
            [np.format_float_positional(tick, 6, fractional=False, trim="-") for tick in ticks],
        )
        axes.set_yticks([], minor=True)
