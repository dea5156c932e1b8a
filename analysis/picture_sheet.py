"""The sheet of sample pictures of a data set, each under the name of its class."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from textwrap import wrap

import numpy as np
import numpy.typing as npt

from analysis.plot_style import FAINT_INK, INK
from analysis.png_figure import new_figure, save_png

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
    columns = min(COLUMNS, len(samples))
    rows = ceil(len(samples) / columns)
    width = max(columns * CELL_INCHES, 5)
    figure = new_figure(width, rows * (CELL_INCHES + 0.3) + 0.8)
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
    cells = figure.subplots(rows, columns, squeeze=False).flat
    for axes, (class_name, pixels) in zip(cells, samples, strict=False):
        axes.imshow(_shown(pixels), cmap="gray", vmin=0, vmax=255)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color(FAINT_INK)
        axes.spines[:].set_linewidth(0.6)
        axes.set_title(_shortened(class_name), fontsize=8, color=INK, parse_math=False)
    for axes in list(figure.axes)[len(samples) :]:
        axes.set_axis_off()
    save_png(path, figure)


def _shown(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)


def _shortened(name: str) -> str:
    return name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"
