"""The sheet of pictures with the boxes of objects drawn over them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from analysis.picture_sheet import sheet, show_picture
from analysis.plot_style import PALETTE
from analysis.png_figure import save_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 4
CELL_INCHES = 2.4
LETTERS = 34  # of a picture's name in a line over it
OUTLINE_POINTS = 2.2  # of white around lines and letters


class DrawnBox(NamedTuple):
    """A box to draw.

    Attributes:
        edges: left, top, right and bottom, in pixels of the picture.
        label: written at its upper left corner.
        number: of its class, which gives the colour.
        is_dashed: whether it is drawn with a broken line.
    """

    edges: tuple[float, float, float, float]
    label: str
    number: int
    is_dashed: bool = False


class BoxedPicture(NamedTuple):
    """A picture, uint8 [1 or 3, H, W], its name and the boxes over it."""

    name: str
    pixels: npt.NDArray[np.uint8]
    boxes: Sequence[DrawnBox]


def draw_boxed_pictures(
    pictures: Sequence[BoxedPicture], path: Path | str, *, title: str, caption: str
) -> None:
    """Draw pictures in rows, as large as each other on their longer side.

    Args:
        pictures: one or more.
        path: the PNG to write; an existing file is replaced.
        title: over the sheet.
        caption: under the title.

    Raises:
        OSError: ``path`` cannot be written.
    """
    figure, cells = sheet(len(pictures), COLUMNS, CELL_INCHES, title=title, caption=caption)
    for axes, picture in zip(cells, pictures, strict=True):
        show_picture(axes, picture.pixels, picture.name, LETTERS)
        for box in picture.boxes:
            draw_box(axes, box)
    save_png(path, figure)


def draw_box(axes: Axes, box: DrawnBox) -> None:
    """Draw a box over a picture in its axes."""
    from matplotlib.patches import Rectangle  # noqa: PLC0415
    from matplotlib.patheffects import withStroke  # noqa: PLC0415

    outline = [withStroke(linewidth=OUTLINE_POINTS, foreground="white")]
    left, top, right, bottom = (side - 0.5 for side in box.edges)  # centres are whole numbers
    colour = PALETTE[box.number % len(PALETTE)]
    axes.add_patch(
        Rectangle(
            (left, top),
            right - left,
            bottom - top,
            fill=False,
            edgecolor=colour,
            linewidth=1.2,
            linestyle="--" if box.is_dashed else "-",
            path_effects=outline,
        )
    )
    axes.text(
        left,
        top,
        box.label,
        fontsize=6,
        color=colour,
        va="bottom",
        path_effects=outline,
        parse_math=False,
        clip_on=True,
    )
