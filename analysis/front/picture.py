"""Pictures of a front as PNG.

Nothing is drawn on a screen, and no state is shared between pictures. matplotlib is imported where
something is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analysis.composition import share_title
from analysis.front.beside import Beside
from analysis.front.drawn import Drawn, drawn
from analysis.front.member_strip import draw_strip, stage_count
from analysis.plot_style import (
    BESIDE,
    FAINT_INK,
    FRONT,
    INK,
    MARKINGS,
    MEMBER_AS_FOUND,
    log_limits,
    log_ticks,
    marking_of,
)
from analysis.png_figure import new_figure, save_png, style_axes, write_title
from nas.evaluation.metric_names import OF_ACCURACY, MetricNames
from nas.quantities import format_quantity
from nas.storage.candidates import Candidate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CARET_DOWN: Final = 7  # matplotlib's name of the marker
STRIP_HEIGHT, STAGE_HEIGHT = 0.25, 0.2  # inches, of the strip without stages and of one
AS_FOUND_STYLE: Final[dict[str, Any]] = {
    "marker": "o",
    "markersize": 4,
    "markerfacecolor": "white",
    "markeredgecolor": FAINT_INK,
}
BESIDE_STYLE: Final[dict[str, Any]] = {
    "marker": "*",
    "markersize": 11,
    "color": INK,
    "markerfacecolor": "white",
}


def plot_front_png(
    path: Path | str,
    candidates: Iterable[Candidate],
    members: Iterable[Candidate],
    *,
    x: str,
    y: str,
    knee: Candidate | None,
    title: str,
    beside: Iterable[Beside] = (),
    names: MetricNames = OF_ACCURACY,
) -> None:
    """Draw all candidates and their front.

    Args:
        path: the PNG to write; an existing file is replaced.
        candidates: everything that was evaluated; those that lack ``x`` or ``y`` are left out.
        members: their front of ``y`` against ``x``.
        x: a cost, one of ``COSTS``, drawn on a log scale.
        y: an accuracy, drawn in percent.
        knee: the member to name in the picture, if any.
        title: over the picture.
        beside: networks that are no candidates, which are named in the picture.
        names: of the run's metrics.

    Raises:
        ValueError: ``x`` is no cost or ``y`` no accuracy, or no candidate has both.
        OSError: ``path`` cannot be written.
    """
    picture = drawn(candidates, members, x, y, beside, names)
    figure, axes, strip = _front_figure(picture.front)
    for marking in MARKINGS:
        shown = picture.marked(picture.shown, marking)
        axes.scatter(
            [c.metrics[x] for c in shown],
            [100 * c.metrics[y] for c in shown],
            s=26,
            color=marking.colour,
            marker=marking.marker,
            alpha=0.55,
            linewidths=0,
            zorder=2,
        )
        below = [c.metrics[x] for c in picture.marked(picture.below, marking)]
        axes.scatter(
            below,
            [0.025] * len(below),
            marker=CARET_DOWN,
            color=marking.colour,
            transform=axes.get_xaxis_transform(),
        )
    _draw_front(axes, picture, knee)
    _draw_beside(axes, picture)
    _scale_axes(axes, picture)
    write_title(axes, title, picture.notes(knee))
    if picture.front:
        draw_strip(strip, picture.front, knee)
    _draw_legend(figure, picture)
    save_png(path, figure)


def _front_figure(members: Sequence[Candidate]) -> tuple[Figure, Axes, Axes]:
    """Return a figure with room for the front and, under it, for its members' strip."""
    strip = STRIP_HEIGHT + STAGE_HEIGHT * stage_count(members)
    figure = new_figure(8, 5.4 + strip)
    axes, under = figure.subplots(2, 1, height_ratios=[4.2, strip])
    style_axes(axes)
    if not members:
        under.set_axis_off()
    return figure, axes, under


def _draw_front(axes: Axes, picture: Drawn, knee: Candidate | None) -> None:
    """Draw the members with their errors, the stairs through them, and what was found at first.

    The stairs go through the members that none dominates by value; each member has its number in
    the strip.
    """
    x, y = picture.x, picture.y
    stairs = picture.staircase
    axes.step(
        [member.metrics[x] for member in stairs],
        [100 * member.metrics[y] for member in stairs],
        where="post",
        color=INK,
        linewidth=1.3,
        zorder=3,
    )
    for member, accuracy in picture.as_found:
        cost, worth = member.metrics[x], 100 * member.metrics[y]
        axes.plot([cost, cost], [worth, 100 * accuracy], ":", color=FAINT_INK, linewidth=1)
        axes.plot(cost, 100 * accuracy, **AS_FOUND_STYLE, zorder=4)
    for number, member in enumerate(picture.front, start=1):
        cost, worth = member.metrics[x], 100 * member.metrics[y]
        marking = marking_of(member.architecture)
        if member.standard_error is not None:
            error = 100 * member.standard_error
            axes.errorbar(cost, worth, yerr=error, color=INK, capsize=3, elinewidth=1, zorder=4)
        axes.plot(
            cost,
            worth,
            marker=marking.marker,
            markersize=12 if marking.marker == "^" else 10.5,
            color=marking.colour,
            markeredgecolor=INK,
            markeredgewidth=0.8,
            zorder=5,
        )
        axes.annotate(
            str(number),
            (cost, worth),
            xytext=(0, -1.2 if marking.marker == "^" else 0),
            textcoords="offset points",
            ha="center",
            va="center_baseline",
            fontsize=6.5,
            fontweight="bold",
            color=INK if marking.is_light else "white",
            zorder=6,
        )
    if knee is not None:
        style: dict[str, Any] = {"color": "none", "markeredgecolor": INK, "zorder": 4}
        axes.plot(knee.metrics[x], 100 * knee.metrics[y], "o", markersize=18, **style)


def _draw_beside(axes: Axes, picture: Drawn) -> None:
    """Draw the networks beside the front, each with its error and name."""
    for each in picture.beside:
        cost = each.candidate.metrics[picture.x]
        worth = 100 * each.candidate.metrics[picture.y]
        error = 100 * (each.candidate.standard_error or 0)
        axes.errorbar(cost, worth, yerr=error, **BESIDE_STYLE, elinewidth=1, capsize=3, zorder=5)
        axes.annotate(
            each.label,
            (cost, worth),
            xytext=(6, -10),
            textcoords="offset points",
            fontsize=7,
            color=INK,
            zorder=6,
        )


def _scale_axes(axes: Axes, picture: Drawn) -> None:
    low, high = log_limits(picture.costs)
    ticks = log_ticks(low, high)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks(ticks, [format_quantity(tick) for tick in ticks], va="baseline")
    axes.tick_params(axis="x", pad=13)  # from the baseline, which all labels share
    axes.set_xticks([], minor=True)
    axes.set_xlabel(picture.names[picture.x].axis_label)
    low, high = picture.limits_y(margin=0.06)
    low -= 0.05 * (high - low) * bool(picture.below)  # room for their marks
    axes.set_ylim(100 * low, 100 * high)
    axes.set_ylabel(picture.names[picture.y].axis_label)


def _draw_legend(figure: Figure, picture: Drawn) -> None:
    """Draw the legend under the picture."""
    from matplotlib.lines import Line2D  # noqa: PLC0415

    handles = [
        Line2D([], [], linestyle="", marker=m.marker, color=m.colour, label=m.label)
        for m in MARKINGS
    ]
    handles.append(Line2D([], [], color=INK, linewidth=1.3, label=FRONT))
    if picture.as_found:
        handles.append(Line2D([], [], linestyle="", **AS_FOUND_STYLE, label=MEMBER_AS_FOUND))
    if picture.beside:
        handles.append(Line2D([], [], linestyle="", **BESIDE_STYLE, label=BESIDE))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        fontsize=8,
        title=f"mark: {share_title(picture.candidates)}; small ones are no members, as found",
        title_fontproperties={"size": 8},
        columnspacing=1.3,
        handletextpad=0.4,
        frameon=False,
    )


__all__ = ["plot_front_png"]
