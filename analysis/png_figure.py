"""Parts that all PNG pictures share: layout, axes, titles, and writing the file."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from analysis.plot_style import FAINT_INK, GRID, INK
from nas.atomic_write import replace_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOTS_PER_INCH = 150
ON_WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}  # over the grid's lines
LINE_POINTS = 14.5  # of a line under the title
TITLE_LETTERS_PER_INCH, LETTERS_PER_INCH = 8, 13  # of a figure's width, less the axis labels' room


def new_figure(width: float, height: float) -> Figure:
    """Return a figure of this size in inches, whose parts are laid out without overlaps."""
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.layout_engine import ConstrainedLayoutEngine  # noqa: PLC0415

    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.07)  # inches
    return Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout=layout)


def style_axes(axes: Axes) -> None:
    """Draw a faint grid behind all else, and lines on two sides only."""
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT_INK)
    axes.tick_params(color=FAINT_INK, labelcolor=INK)


def write_title(axes: Axes, title: str, lines: Sequence[str] = ()) -> None:
    """Write the title, and smaller lines between it and the axes; long ones are wrapped.

    A run's name may have 80 characters without a blank.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None  # axes are made by one
    width = figure.get_figwidth()
    smaller = [part for line in lines for part in wrap(line, int(LETTERS_PER_INCH * width))]
    axes.set_title(
        "\n".join(wrap(title, int(TITLE_LETTERS_PER_INCH * width))),
        loc="left",
        pad=8 + LINE_POINTS * len(smaller),
        fontsize=12,
        fontweight="bold",
        color=INK,
        parse_math=False,
    )
    axes.annotate(
        "\n".join(smaller),
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 6),
        textcoords="offset points",
        va="bottom",
        fontsize=9,
        color=FAINT_INK,
        linespacing=1.25,
        parse_math=False,
    )


def save_png(path: Path | str, figure: Figure) -> None:
    """Write a figure; an existing file is replaced.

    Raises:
        OSError: ``path`` cannot be written.
    """
    image = BytesIO()
    figure.savefig(image, format="png", facecolor="white")
    replace_file(path, image.getvalue())
