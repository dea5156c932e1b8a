"""The sheet of sample pictures of a data set, each under the name of its class."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from analysis.plot_style import FAINT_INK, INK
from analysis.png_figure import new_figure, save_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 8
CELL_INCHES = 1.25
LETTERS = 17  # of a class's name in a line over its picture
TITLE_LETTERS = 90


def draw_picture_sheet(
    samples: Sequence[tuple[str, npt.NDArray[np.uint8]]],
    path: Path | str,
    *,
    title: str,
    caption: str,
) -> None:
    """Draw pictures in rows, as large as each other on their longer side.

    Args:
        samples: one or more names of classes, each with a picture, uint8 [1 or 3, H, W].
        path: the PNG to write; an existing file is replaced.
        title: over the sheet.
        caption: under the title.

    Raises:
        OSError: ``path`` cannot be written.
    """
    figure, cells = sheet(len(samples), COLUMNS, CELL_INCHES, title=title, caption=caption)
    for axes, (class_name, pixels) in zip(cells, samples, strict=True):
        show_picture(axes, pixels, class_name, LETTERS)
    save_png(path, figure)


def sheet(
    pictures: int, most_columns: int, cell_inches: float, *, title: str, caption: str
) -> tuple[Figure, list[Axes]]:
    """Return a figure with a cell for each picture.

    Args:
        pictures: their number, 1 or more.
        most_columns: of cells.
        cell_inches: side of a cell.
        title: over the sheet.
        caption: under the title.
    """
    columns = min(most_columns, pictures)
    rows = ceil(pictures / columns)
    width = max(columns * cell_inches, 5)
    figure = new_figure(width, rows * (cell_inches + 0.3) + 0.8)
    figure.suptitle(
        "\n".join(wrap(title, TITLE_LETTERS)),
        x=0.02,
        ha="left",
        fontsize=12,
        fontweight="bold",
        color=INK,
        parse_math=False,
    )
    figure.supxlabel(
        "\n".join(wrap(caption, int(width * 14))),
        x=0.02,
        ha="left",
        fontsize=9,
        color=FAINT_INK,
        parse_math=False,
    )
    cells = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in cells[pictures:]:
        axes.set_axis_off()
    return figure, cells[:pictures]


def show_picture(axes: Axes, pixels: npt.NDArray[np.uint8], title: str, letters: int) -> None:
    """Show a picture, uint8 [1 or 3, H, W], under a title of so many letters at most."""
    shown = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    axes.imshow(shown, cmap="gray", vmin=0, vmax=255)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(FAINT_INK)
    axes.spines[:].set_linewidth(0.6)
    shortened = title if len(title) <= letters else f"{title[: letters - 1]}…"
    axes.set_title(shortened, fontsize=8, color=INK, parse_math=False)
