"""Random erasing (Zhong et al. 2017, https://arxiv.org/abs/1708.04896)."""

from __future__ import annotations

import torch

from trainers.augmentation.boxes import DRAWS, box_sizes
from trainers.augmentation.draws import ImageDraws, Use

AREA = (0.02, 0.33)
"""Smallest and largest share of the image's area."""
RATIO = (0.3, 3.3)
"""Smallest and largest ratio of width to height."""


class RandomErasing:
    """Black rectangles in a part of the images.

    Differs from the paper, as torchvision does, in a ratio whose logarithm is uniform, and in ten
    attempts at a rectangle that fits, after which the image stays whole. The paper fills with
    random values by choice; here a rectangle is black.

    Args:
        probability: of a rectangle, in 0..1.
    """

    def __init__(self, probability: float) -> None:
        self._probability = probability

    def __call__(self, images: torch.Tensor, draws: ImageDraws) -> torch.Tensor:
        """Return the images [B, C, H, W] with their rectangles."""
        height, width = images.shape[2:]
        uniform = draws.uniform(Use.ERASING, DRAWS + 3)
        widths, heights, fits = box_sizes(uniform[:, :DRAWS], (height, width), AREA, RATIO)
        chosen, place_x, place_y = uniform[:, DRAWS:].unbind(dim=1)
        columns = _inside(place_x, widths.round().clamp(min=1), width)
        rows = _inside(place_y, heights.round().clamp(min=1), height)
        erased = rows[:, :, None] & columns[:, None, :]
        erased &= (fits & (chosen < self._probability))[:, None, None]
        return images.masked_fill(erased[:, None], 0)


def _inside(place: torch.Tensor, length: torch.Tensor, side: int) -> torch.Tensor:
    """Return which pixels of a side lie in an interval, bool [B, side].

    Args:
        place: [B], uniform in [0, 1); all whole starts are equally likely.
        length: [B], whole, in 1..side.
        side: in pixels.
    """
    start = (place * (side - length + 1)).floor()[:, None]
    pixels = torch.arange(side, device=place.device)
    return (pixels >= start) & (pixels < start + length[:, None])
