"""Strokes and dots drawn into images, with smooth edges."""

from __future__ import annotations

from math import ceil

import numpy as np
import numpy.typing as npt

from trainers.data.generated.dashed_paths import Points


def draw_strokes(
    canvas: npt.NDArray[np.float32], begins: Points, ends: Points, *, radius: float
) -> None:
    """Draw each stroke into its image: all that is within a radius of a line, white on black.

    A pixel's brightness falls from 1 to 0 over the pixel that the stroke's edge passes.

    Args:
        canvas: [N, H, W], 0..1, changed in place; the centre of pixel [y, x] is at
            (x + 1/2, y + 1/2).
        begins, ends: [N, M], in pixels, the ends of the lines; a dot's are one point. Strokes that
            are beyond an edge of the image are cut off.
        radius: in pixels.
    """
    count, height, width = canvas.shape
    longest = float(np.abs(ends - begins).max(initial=0))
    side = np.arange(ceil(longest + 2 * radius + 1) + 1) - (longest / 2 + radius + 0.5)
    middle = (begins + ends) / 2
    column = np.floor(middle.real[..., None] + side).astype(np.int64)[..., None, :]
    row = np.floor(middle.imag[..., None] + side).astype(np.int64)[..., :, None]
    pixel_x = (column + 0.5 - begins.real[..., None, None]).astype(np.float32)
    pixel_y = (row + 0.5 - begins.imag[..., None, None]).astype(np.float32)
    distance = _distance(pixel_x, pixel_y, (ends - begins).astype(np.complex64))
    bright = np.clip(radius + 0.5 - distance, 0, 1)
    bright[((column < 0) | (column >= width) | (row < 0) | (row >= height))] = 0
    image = np.arange(count).reshape(-1, 1, 1, 1)
    places = (image * height + row.clip(0, height - 1)) * width + column.clip(0, width - 1)
    np.maximum.at(canvas.reshape(-1), places.reshape(-1), bright.reshape(-1))


def _distance(
    x: npt.NDArray[np.float32], y: npt.NDArray[np.float32], line: npt.NDArray[np.complex64]
) -> npt.NDArray[np.float32]:
    """Return the distance of points from lines that begin at 0, [..., H, W]."""
    across, down = line.real[..., None, None], line.imag[..., None, None]
    square = np.maximum(across**2 + down**2, np.finfo(np.float32).tiny)
    share = np.clip((x * across + y * down) / square, 0, 1)
    return np.hypot(x - share * across, y - share * down)
