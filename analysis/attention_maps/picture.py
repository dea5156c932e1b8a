"""The picture of attention maps: the image with numbered crosses, beside a grid of heads by pixels.

As Figures 9 and 10 of Bello et al. 2019 (arXiv 1904.09925, appendix A.4), in one file. Lengths are
inches; a corner is (left, top) in inches from the figure's.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from analysis.attention_maps.maps import AttentionMaps, Pixel
from analysis.boxed_pictures import DrawnBox, draw_box
from analysis.plot_style import FAINT_INK, INK
from nas.atomic_write import replace_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.floating[Any]]
Box = tuple[float, float, float, float]  # left, top, width, height

DOTS_PER_INCH = 150
MARGIN = 0.3
HEADER = 0.75  # the title's two lines
PANEL = 2.7  # the image's longer side, and the width of what is written under it
HEADS = 0.85  # from the image to the maps: the heads' names
TITLES = 0.42  # the pixels' names over the maps
MAP = 1.2  # a map's longer side
PEAK = 0.3  # under a map: its peak
GAP = 0.15
LEAST_COLUMN = 1.1  # the width of a pixel's name
LINE = 0.17
LETTER, TITLE_LETTER = 0.068, 0.125  # generous widths

CROSS = "#d40000"
DARKEST_UNDER_MAP = 0.7  # of the image under a map, so that it does not change a colour much


def draw_attention_maps(
    maps: AttentionMaps,
    image: Tensor,
    path: Path | str,
    *,
    caption: str = "",
    boxes: Sequence[DrawnBox] = (),
) -> None:
    """Write :func:`attention_maps_png` to a file; an existing one is replaced.

    Raises:
        ValueError: an image of another size than the maps were made for.
        OSError: ``path`` cannot be written.
    """
    replace_file(path, attention_maps_png(maps, image, caption=caption, boxes=boxes))


def attention_maps_png(
    maps: AttentionMaps, image: Tensor, *, caption: str = "", boxes: Sequence[DrawnBox] = ()
) -> bytes:
    """Draw the maps of every head and pixel over the image, as a PNG.

    Each map's colours run from zero to its own peak, which is written under it.

    Args:
        maps: what to draw.
        image: ``[C, H, W]``, in colour if C = 3; its lowest value is drawn black and its highest
            white, so that a normalised one will do.
        caption: under the image.
        boxes: to draw over the image, in its pixels.

    Raises:
        ValueError: an image of another size than the maps were made for.
    """
    if image.ndim != 3 or tuple(image.shape[-2:]) != maps.image_hw:
        raise ValueError(
            f"the image must be [C, {maps.image_hw[0]}, {maps.image_hw[1]}], as the maps were made "
            f"for, got {list(image.shape)}"
        )
    shown, heads = _stretched(image), maps.maps.shape[1]
    map_width, map_height = _fitted(maps.image_hw, MAP)
    column, row = max(map_width, LEAST_COLUMN) + GAP, map_height + PEAK
    left, top = MARGIN + PANEL + HEADS, HEADER + TITLES
    notes = _wrapped(caption), _wrapped(_meaning(maps))
    panel = _fitted(maps.image_hw, PANEL)[1] + LINE * sum(map(len, notes)) + 0.8
    title = f"attention maps of {maps.layer}"
    width = max(left + len(maps.pixels) * column, MARGIN + TITLE_LETTER * len(title)) + MARGIN
    figure = _figure(width, top + max(heads * row, panel) + MARGIN / 2)

    _write(figure, (MARGIN, 0.4), title, fontsize=12, fontweight="bold")
    _write(figure, (MARGIN, 0.62), _about(maps), color=FAINT_INK)
    _draw_panel(figure, maps, shown, top, notes, boxes)
    for head in range(heads):
        corner = (left - 0.05, top + head * row + map_height / 2)
        _write(figure, corner, f"head {head + 1}", ha="right", va="center")
    for index, (pixel, query) in enumerate(zip(maps.pixels, maps.queries, strict=True)):
        centre = left + (index + 0.5) * column
        name = f"pixel {index + 1}\n(row {pixel[0]}, col {pixel[1]})"
        _write(figure, (centre, top - 0.08), name, ha="center", va="bottom", linespacing=1.25)
        for head in range(heads):
            box = (centre - map_width / 2, top + head * row, map_width, map_height)
            weights = maps.maps[index, head]
            _draw_map(figure, box, shown, weights, query, maps.extent)
            text = f"peak {_percent(float(weights.max()))}"
            corner = (centre, box[1] + map_height + 0.04)
            _write(figure, corner, text, ha="center", va="top", fontsize=8, color=FAINT_INK)

    written = BytesIO()
    figure.savefig(written, format="png", facecolor="white")
    return written.getvalue()


def _about(maps: AttentionMaps) -> str:
    _, heads, height, width = maps.maps.shape
    reach = "" if maps.extent is None else f" within {maps.extent} x {maps.extent} pixels"
    plural = "s" if heads > 1 else ""
    return f"{maps.kind} attention{reach}, {heads} head{plural}, map of {height} x {width} pixels"


def _meaning(maps: AttentionMaps) -> str:
    sides = maps.maps.shape[2:]
    if maps.extent is None:
        area, frame = "map", ""
    else:
        sides = tuple(min(side, maps.extent) for side in sides)
        area, frame = "window", " The frame is the window of pixels that the cross can attend to."
    even = _percent(1 / (sides[0] * sides[1]))
    return (
        "Share of attention from the cross to each pixel. Every map has its own scale: attending "
        f"evenly to a whole {area} would give each pixel {even}.{frame}"
    )


def _draw_panel(
    figure: Figure,
    maps: AttentionMaps,
    shown: Floats,
    top: float,
    notes: tuple[list[str], list[str]],
    boxes: Sequence[DrawnBox],
) -> None:
    """Draw the image with boxes and crosses; under it the caption, the colours, their meaning."""
    width, height = _fitted(maps.image_hw, PANEL)
    axes = _axes(figure, (MARGIN + (PANEL - width) / 2, top, width, height))
    axes.imshow(shown, cmap="gray", vmin=0, vmax=1)
    for drawn in boxes:
        draw_box(axes, drawn)
    for number, (row, column) in enumerate(maps.pixels, start=1):
        _cross(axes, (row, column), size=9)
        room_above = row / maps.image_hw[0] * height > 0.25
        axes.annotate(
            str(number),
            (column, row),
            xytext=(0, 7 if room_above else -7),
            textcoords="offset points",
            ha="center",
            va="bottom" if room_above else "top",
            fontsize=10,
            fontweight="bold",
            color=CROSS,
            path_effects=_white_edge(),
        )
    caption, meaning = notes
    top += height + 0.12
    if caption:
        _write(figure, (MARGIN, top), "\n".join(caption), va="top", linespacing=1.25)
        top += LINE * len(caption) + 0.1
    bar = _axes(figure, (MARGIN, top, PANEL, 0.14))
    bar.imshow(np.linspace(0, 1, 256)[None], cmap=_heat(), aspect="auto")
    _write(figure, (MARGIN, top + 0.19), "0", va="top")
    _write(figure, (MARGIN + PANEL, top + 0.19), "the map's peak", va="top", ha="right")
    corner = (MARGIN, top + 0.42)
    _write(figure, corner, "\n".join(meaning), va="top", color=FAINT_INK, linespacing=1.25)


def _draw_map(
    figure: Figure, box: Box, shown: Floats, weights: Floats, query: Pixel, extent: int | None
) -> None:
    """Draw one head's map over the pale image, with the query's cross."""
    height, width = weights.shape
    whole = (-0.5, width - 0.5, height - 0.5, -0.5)  # the image spans the map
    axes = _axes(figure, box)
    grey = shown if shown.ndim == 2 else shown.mean(axis=2)
    pale = DARKEST_UNDER_MAP + (1 - DARKEST_UNDER_MAP) * grey
    axes.imshow(pale, cmap="gray", vmin=0, vmax=1, extent=whole)
    peak = float(weights.max())
    axes.imshow(weights, cmap=_heat(), vmin=0, vmax=peak, interpolation="nearest", extent=whole)
    axes.set_aspect("auto")
    if extent is not None:
        # Lines are drawn whole, also on the map's border, where a patch would be cut.
        y, x = (
            (max(0, centre - extent // 2) - 0.5, min(side, centre + extent // 2 + 1) - 0.5)
            for centre, side in zip(query, (height, width), strict=True)
        )
        around = [x[0], x[1], x[1], x[0], x[0]], [y[0], y[0], y[1], y[1], y[0]]
        axes.plot(*around, color=INK, linewidth=1, clip_on=False, zorder=3)
    _cross(axes, query, size=6)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure  # noqa: PLC0415

    return Figure(figsize=(width, height), dpi=DOTS_PER_INCH)


def _axes(figure: Figure, box: Box) -> Axes:
    """Add axes without ticks."""
    left, top, width, height = box
    x, y = figure.get_size_inches()
    axes = figure.add_axes((left / x, 1 - (top + height) / y, width / x, height / y))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(FAINT_INK)
    axes.spines[:].set_linewidth(0.6)
    return axes


def _write(figure: Figure, corner: tuple[float, float], text: str, **style: Any) -> None:
    width, height = figure.get_size_inches()
    settings: dict[str, Any] = {"fontsize": 9, "color": INK, "parse_math": False} | style
    figure.text(corner[0] / width, 1 - corner[1] / height, text, **settings)


def _wrapped(text: str) -> list[str]:
    """Return the text in lines as wide as the panel."""
    return wrap(text, int(PANEL / LETTER))


def _cross(axes: Axes, pixel: Pixel, *, size: float) -> None:
    style: dict[str, Any] = {"color": CROSS, "markersize": size, "markeredgewidth": 1.8}
    axes.plot(pixel[1], pixel[0], "x", path_effects=_white_edge(), clip_on=False, zorder=4, **style)


def _white_edge() -> list[Any]:
    from matplotlib.patheffects import withStroke  # noqa: PLC0415

    return [withStroke(linewidth=3.5, foreground="white")]


def _heat() -> Colormap:
    """Transparent at zero, then from pale to deep blue, on which red crosses stay visible."""
    from matplotlib import colormaps  # noqa: PLC0415
    from matplotlib.colors import ListedColormap  # noqa: PLC0415

    share = np.linspace(0, 1, 256)
    colours = colormaps["Blues"](0.25 + 0.75 * share)
    colours[:, 3] = np.minimum(1, 0.95 * share**0.4)
    return ListedColormap(colours)


def _stretched(image: Tensor) -> Floats:
    """Return ``[H, W]``, or ``[H, W, 3]`` in colour, the lowest value 0 and the highest 1."""
    values = image.detach().float().cpu().numpy()
    low, high = float(values.min()), float(values.max())
    values = (values - low) / (high - low) if high > low else np.full_like(values, 0.5)
    return values.transpose(1, 2, 0) if len(values) == 3 else values.mean(axis=0)


def _fitted(image_hw: tuple[int, int], longest: float) -> tuple[float, float]:
    """Return (width, height) of the image with its longer side of length ``longest``."""
    height, width = image_hw
    scale = longest / max(height, width)
    return width * scale, height * scale


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.01 else f"{100 * share:.2g}%"


__all__ = ["draw_attention_maps"]
