"""Flips and shifts by whole pixels, which move pixels and compute none."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from trainers.augmentation.central_crop import central_corner
from trainers.augmentation.draws import ImageDraws, Use
from trainers.augmentation.settings import Augmentation

DRAWS = 3
"""Random numbers for an image, the first of the use ``WARP``: flip, shift to the right, down."""


class RandomShift:
    """The flip and crop of :class:`Augmentation`, where no other key moves pixels.

    They are the same as in :class:`trainers.augmentation.warp.RandomWarp`, which would only round
    and take about three times as long on a CPU.

    Args:
        settings: ``horizontal_flip`` and ``crop_padding_pixels`` count.
        size: (height, width) of the results, in pixels.
    """

    def __init__(self, settings: Augmentation, size: tuple[int, int]) -> None:
        self._flip = settings.horizontal_flip
        self._padding = settings.crop_padding_pixels
        self._size = size

    def __call__(self, images: torch.Tensor, draws: ImageDraws) -> torch.Tensor:
        """Return the images [B, C, H, W], moved and cropped to [B, C, *size], zeros outside.

        Raises:
            ValueError: the images are smaller than ``size``.
        """
        (height, width), padding = self._size, self._padding
        top, left = central_corner((images.shape[2], images.shape[3]), self._size)
        uniform = draws.uniform(Use.WARP, DRAWS)
        shifts = whole_shifts(uniform[:, 1:], padding).long()
        # the column and row that each one of the result comes from, before padding
        columns = torch.arange(width, device=images.device) - shifts[:, :1]
        rows = torch.arange(height, device=images.device) - shifts[:, 1:]
        if self._flip:
            columns = torch.where(flipped(uniform[:, :1]), width - 1 - columns, columns)
        padded = F.pad(images, (padding,) * 4)
        places = (rows + top + padding)[:, :, None] * padded.shape[3]
        places = (places + (columns + left + padding)[:, None, :]).flatten(1)
        channels = images.shape[1]
        moved = padded.flatten(2).gather(2, places[:, None].expand(-1, channels, -1))
        return moved.unflatten(2, self._size)


def flipped(uniform: torch.Tensor) -> torch.Tensor:
    """Return which images are mirrored, bool, from numbers in [0, 1) of the same shape."""
    return uniform < 0.5


def whole_shifts(uniform: torch.Tensor, padding: int) -> torch.Tensor:
    """Return shifts, whole floats in -padding..padding, all equally likely, from [0, 1)."""
    return (uniform * (2 * padding + 1)).floor() - padding
