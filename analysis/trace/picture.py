"""The picture of a trace: a panel for each axis, a curve for each family."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from analysis.plot_style import FAINT_INK, MARKERS, PALETTE, log_limits, log_ticks
from analysis.png_figure import new_figure, save_png, style_axes, write_title
from analysis.trace.points import TraceResult
from nas.quantities import format_quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL_INCHES = 5.4
PANEL_TICKS = 6


def plot_trace_png(path: Path | str, result: TraceResult) -> None:
    """Draw mean accuracies with standard errors; published results are hollow and dashed.

    Args:
        path: the PNG to write; an existing file is replaced.
        result: with at least one point.

    Raises:
        OSError: ``path`` cannot be written.
    """
    panels = len(result.axes)
    figure = new_figure(max(7.5, PANEL_INCHES * panels), 5.8)
    grid = figure.add_gridspec(2, panels, height_ratios=[0.01, 1])
    head = figure.add_subplot(grid[0, :])  # the title stands over all panels
    head.set_axis_off()
    write_title(head, result.title, result.notes)
    all_axes = [figure.add_subplot(grid[1, 0])]
    all_axes += [figure.add_subplot(grid[1, n], sharey=all_axes[0]) for n in range(1, panels)]
    for axis, axes in zip(result.axes, all_axes, strict=True):
        style_axes(axes)
        for index, family in enumerate(result.families):
            _draw_family(axes, result, family, axis, index)
        _scale(axes, result, axis)
    all_axes[0].set_ylabel(f"{result.accuracy_label}, %")
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=min(4, max(1, len(labels))),
        fontsize=9,
        frameon=False,
    )
    save_png(path, figure)


def _draw_family(axes: Axes, result: TraceResult, family: str, axis: str, index: int) -> None:
    colour = PALETTE[index % len(PALETTE)]
    marker = MARKERS[index % len(MARKERS)]
    points = result.of_family(family, axis)
    if points:
        axes.errorbar(
            [point.costs[axis] for point in points],
            [100 * point.mean for point in points],
            yerr=[100 * (point.standard_error or 0.0) for point in points],
            color=colour,
            marker=marker,
            markersize=6,
            linestyle="",
            elinewidth=1,
            capsize=3,
            label=family,
            zorder=3,
        )
        curve = result.curve(family, axis)
        axes.plot(
            [point.costs[axis] for point in curve],
            [100 * point.mean for point in curve],
            color=colour,
            linewidth=1.5,
            drawstyle="steps-post" if result.is_of_fronts else "default",
            zorder=2,
        )
    printed = result.published_of(family, axis)
    if printed:
        axes.plot(
            [point.costs[axis] for point in printed],
            [100 * point.accuracy for point in printed],
            color=colour,
            marker=marker,
            markersize=6,
            markerfacecolor="white",
            linewidth=1,
            linestyle=(0, (4, 3)),
            label=f"{family}, {result.published_source}",
            zorder=2,
        )


def _scale(axes: Axes, result: TraceResult, axis: str) -> None:
    axes.set_xlabel(result.label(axis), color="black")
    values = result.values(axis)
    if axis == "own" or not values or min(values) <= 0:
        return
    low, high = log_limits(values)
    ticks = log_ticks(low, high, PANEL_TICKS)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks(ticks, [format_quantity(tick) for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.tick_params(axis="x", labelsize=8, color=FAINT_INK)
