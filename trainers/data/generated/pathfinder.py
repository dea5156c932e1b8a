"""Pathfinder: are two dots joined by one dashed path, or do they lie on two?

Linsley, Kim, Veerabadran, Windolf and Serre (2018), "Learning long-range spatial dependencies with
horizontal gated recurrent units", https://arxiv.org/abs/1805.08315. Drawn anew from its
description: an image has two long paths and shorter distractors, and dots lie at both ends of one
long path or at one end of each. It differs in its sizes; in that every path keeps a clearance that
is larger than a gap; and in that the dots and the dashes on which they lie have the same
distribution in both classes, see :mod:`trainers.data.generated.pathfinder_drawings`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainers.data.generated.pathfinder_drawings import Drawings, draw
from trainers.data.generated.pathfinder_settings import PathfinderSettings
from trainers.data.generated.strokes import draw_strokes

CLASS_NAMES = ("apart", "joined")
JOINED = CLASS_NAMES.index("joined")
WHITE = 255


def pathfinder_images(
    settings: PathfinderSettings, rng: np.random.Generator, labels: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint8]:
    """Draw images of the given labels, [N, pixels, pixels].

    Args:
        settings: of the task.
        rng: draws everything.
        labels: [N], 0 for apart and 1 for joined.

    Raises:
        DataError: the paths hardly ever have room.
    """
    drawings = draw(settings, rng, labels == JOINED)
    images = rendered(settings, drawings) * np.float32(WHITE)
    if settings.noise:
        images += np.float32(settings.noise) * rng.standard_normal(images.shape, np.float32)
    return np.rint(images).clip(0, WHITE).astype(np.uint8)


def rendered(settings: PathfinderSettings, drawings: Drawings) -> npt.NDArray[np.float32]:
    """Render drawings without noise, float32 [N, pixels, pixels], from 0 for black to 1."""
    count = len(drawings.dots)
    canvas = np.zeros((count, settings.pixels, settings.pixels), np.float32)
    half = settings.line_width / 2
    for paths in (drawings.long_paths, drawings.distractors):
        corners = paths.reshape(count, -1, 2)
        begins, ends = corners[..., 0], corners[..., 1]
        inset = half * (ends - begins) / settings.dash_length  # (the round ends are part of a dash)
        draw_strokes(canvas, begins + inset, ends - inset, radius=half)
    draw_strokes(canvas, drawings.dots, drawings.dots, radius=settings.dot_radius)
    return canvas
