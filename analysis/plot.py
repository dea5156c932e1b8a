"""Pictures of a front, as PNG and as an interactive page, and of training curves.

Nothing is drawn on a screen, and no state is shared between pictures. matplotlib and Plotly are
imported where something is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from math import log10
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analysis.appearance import (
    AXIS_LABELS,
    FAINT_INK,
    FAMILIES,
    FRONT,
    GRID,
    INK,
    PALETTE,
    SHAPES,
    UNITS,
    dominant_primitive,
    log_limits,
    log_ticks,
)
from analysis.drawn import Drawn, drawn, of_family
from analysis.page import plot_front_html
from nas.front import Candidate
from nas.quantities import format_quantity
from nas.whole_file import replace_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS_PER_INCH = 150
CARET_DOWN: Final = 7  # matplotlib's name of the marker
ON_WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}  # over the grid's lines
TEXT_EXTENT = 0.38  # of the width, that the knee's name takes


def plot_front_png(
    path: Path | str,
    candidates: Iterable[Candidate],
    members: Iterable[Candidate],
    *,
    x: str,
    y: str,
    knee: Candidate | None,
    title: str,
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

    Raises:
        ValueError: ``x`` is no cost or ``y`` no accuracy, or no candidate has both.
        OSError: ``path`` cannot be written.
    """
    picture = drawn(candidates, members, x, y)
    figure, axes = _figure(title)
    for name, marking in picture.markings().items():
        shown = of_family(picture.shown, name)
        axes.scatter(
            [c.metrics[x] for c in shown],
            [100 * c.metrics[y] for c in shown],
            s=30,
            color=marking.colour,
            marker=marking.marker,
            alpha=0.45,
            linewidths=0,
            zorder=2,
        )
        below = [c.metrics[x] for c in of_family(picture.below, name)]
        axes.scatter(
            below,
            [0.025] * len(below),
            marker=CARET_DOWN,
            color=marking.colour,
            transform=axes.get_xaxis_transform(),
        )
        axes.plot([], [], marking.marker, color=marking.colour, label=marking.label)
    _draw_front(axes, picture)
    _scale_axes(axes, picture, "\n".join(picture.notes(knee)))
    if knee is not None:
        _name_knee(axes, knee, x, y)
    figure.legend(
        loc="outside lower center",
        ncols=4,
        fontsize=9,
        title=f"colour and marker: {FAMILIES} of an architecture",
        title_fontproperties={"size": 9},
        columnspacing=1.5,
        handletextpad=0.4,
        frameon=False,
    )
    save_png(path, figure)


def plot_curves_png(
    path: Path | str, named_curves: Mapping[str, Sequence[Mapping[str, Any]]]
) -> None:
    """Draw accuracy by epoch, of validation images solid and of training images dashed.

    Args:
        path: the PNG to write; an existing file is replaced.
        named_curves: for each training, its epochs with ``epoch``, ``val_accuracy`` (None where an
            epoch was not evaluated) and ``train_accuracy``.

    Raises:
        OSError: ``path`` cannot be written.
    """
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    figure, axes = _figure("accuracy in validation (solid) and in training (dashed)")
    for index, (name, curve) in enumerate(named_curves.items()):
        colour = PALETTE[index % len(PALETTE)]
        marker, _ = SHAPES[index // len(PALETTE) % len(SHAPES)]
        size = 4 if len(curve) <= 20 else 0
        style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": size}
        axes.plot(*_points(curve, "val_accuracy"), **style, label=name, zorder=3)
        axes.plot(
            *_points(curve, "train_accuracy"),
            **style,
            linestyle=(0, (4, 2)),
            linewidth=1,
            alpha=0.6,
            zorder=2,
        )
    axes.set_xlabel("epoch")
    axes.set_ylabel("accuracy, %")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if named_curves:
        figure.legend(loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    save_png(path, figure)


def _figure(title: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.layout_engine import ConstrainedLayoutEngine  # noqa: PLC0415

    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.07)  # inches
    figure = Figure(figsize=(8, 5.2), dpi=DOTS_PER_INCH, layout=layout)
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", color=INK, pad=10)
    style_axes(axes)
    return figure, axes


def style_axes(axes: Axes) -> None:
    """A faint grid behind what is drawn, and lines on two sides only."""
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT_INK)
    axes.tick_params(color=FAINT_INK, labelcolor=INK)


def _draw_front(axes: Axes, picture: Drawn) -> None:
    """The best accuracy that each cost buys, and what is uncertain of it."""
    markings = picture.markings()
    costs = [member.metrics[picture.x] for member in picture.front]
    worths = [100 * member.metrics[picture.y] for member in picture.front]
    axes.step(costs, worths, where="post", color=INK, linewidth=1.3, label=FRONT, zorder=3)
    for member, cost, worth in zip(picture.front, costs, worths, strict=True):
        marking = markings[dominant_primitive(member.architecture)]
        if member.standard_error is not None:
            error = 100 * member.standard_error
            axes.errorbar(cost, worth, yerr=error, color=INK, capsize=3, elinewidth=1, zorder=4)
        axes.plot(
            cost,
            worth,
            marker=marking.marker,
            markersize=7,
            color=marking.colour,
            markeredgecolor=INK,
            markeredgewidth=1,
            zorder=5,
        )


def _scale_axes(axes: Axes, picture: Drawn, notes: str) -> None:
    low, high = log_limits(c.metrics[picture.x] for c in picture.candidates)
    ticks = log_ticks(low, high)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks(ticks, [format_quantity(tick) for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel(AXIS_LABELS[picture.x])

    low, high = picture.limits_y(margin=0.08)
    low -= 0.08 * (high - low) * bool(picture.below)  # room for the note
    axes.set_ylim(100 * low, 100 * high)
    axes.set_ylabel(AXIS_LABELS[picture.y])
    axes.text(
        0.99,
        0.06,
        notes,
        transform=axes.transAxes,
        ha="right",
        fontsize=9,
        color=FAINT_INK,
        bbox=ON_WHITE,
    )


def _name_knee(axes: Axes, knee: Candidate, x: str, y: str) -> None:
    """Name the knee above and to the left of it, where no candidate can be."""
    cost, worth = knee.metrics[x], 100 * knee.metrics[y]
    error = "" if knee.standard_error is None else f" ± {100 * knee.standard_error:.1f}"
    text = f"knee {knee.arch_id}\n{worth:.1f}{error} %, {format_quantity(cost)} {UNITS[x]}"
    low, high = axes.get_xlim()
    from_left = log10(cost / low) / log10(high / low)
    if from_left > TEXT_EXTENT:
        place: dict[str, Any] = {"xytext": (-26, 22), "textcoords": "offset points", "ha": "right"}
        start = (1.0, 0.0)
    else:  # too little room to the left: over everything else
        bottom, top = axes.get_ylim()
        axes.set_ylim(bottom, top + 0.14 * (top - bottom))
        place = {"xytext": (from_left, 0.98), "textcoords": "axes fraction", "va": "top"}
        start = (0.0, 0.0)
    note = axes.annotate(
        text,
        (cost, worth),
        **place,
        fontsize=9,
        color=INK,
        bbox=ON_WHITE,
        arrowprops={
            "arrowstyle": "-",
            "color": FAINT_INK,
            "relpos": start,
            "shrinkA": 0,
            "shrinkB": 8,
        },
        zorder=6,
    )
    note.set_in_layout(False)
    axes.plot(cost, worth, "o", markersize=15, color="none", markeredgecolor=INK, zorder=4)


def _points(curve: Sequence[Mapping[str, Any]], name: str) -> tuple[list[int], list[float]]:
    """Epochs and percentages, of the epochs that have ``name``."""
    points = [(point["epoch"], point.get(name)) for point in curve]
    known = [(epoch, 100 * value) for epoch, value in points if value is not None]
    return [epoch for epoch, _ in known], [value for _, value in known]


def save_png(path: Path | str, figure: Figure) -> None:
    """Write a figure; an existing file is replaced.

    Raises:
        OSError: ``path`` cannot be written.
    """
    image = BytesIO()
    figure.savefig(image, format="png", facecolor="white")
    replace_file(path, image.getvalue())


__all__ = [
    "DOTS_PER_INCH",
    "plot_curves_png",
    "plot_front_html",
    "plot_front_png",
    "save_png",
    "style_axes",
]
