"""A drawing as PNG."""

from __future__ import annotations

from pathlib import Path

from analysis.drawing.shapes import Drawing
from analysis.png_figure import save_png

PIXELS_PER_INCH = 100  # of the drawing; the picture has more
POINTS_PER_INCH = 72


def write_png(path: Path, drawing: Drawing) -> None:
    """Write a drawing as a picture; an existing file is replaced.

    Raises:
        OSError: ``path`` cannot be written.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.patches import FancyBboxPatch  # noqa: PLC0415

    size = (drawing.width / PIXELS_PER_INCH, drawing.height / PIXELS_PER_INCH)
    figure = Figure(figsize=size, dpi=2 * PIXELS_PER_INCH)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, drawing.width)
    axes.set_ylim(drawing.height, 0)
    axes.set_axis_off()
    for line in drawing.lines:
        axes.hlines(line.y, line.x, line.x + line.width, color=line.colour, linewidth=2, zorder=0)
    for box in drawing.boxes:
        corner = (box.x, box.y)
        style = "round,pad=0,rounding_size=2"
        axes.add_patch(
            FancyBboxPatch(
                corner, box.width, box.height, boxstyle=style, facecolor=box.colour, linewidth=0
            )
        )
    for words in drawing.words:
        axes.text(
            words.x,
            words.y,
            words.text,
            fontsize=words.size * POINTS_PER_INCH / PIXELS_PER_INCH,
            color=words.colour,
            ha="left" if words.anchor == "start" else "center",
            va="baseline",
            fontweight="bold" if words.is_bold else "normal",
            parse_math=False,
        )
    save_png(path, figure)
