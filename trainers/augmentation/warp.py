"""Every geometric change of images, in one warp.

Crop, flip, shifts, rotation, zoom and shear become one map an image and are sampled once: sampling
once blurs less than once for each, and costs one call. So a pixel that an earlier step moves out
of sight is not lost if a later step brings it back.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from trainers.augmentation.affine import rotation, scaling, shear, translation, warp
from trainers.augmentation.boxes import boxes_of_crop
from trainers.augmentation.central_crop import central_corner
from trainers.augmentation.draws import ImageDraws, Use
from trainers.augmentation.settings import Augmentation
from trainers.augmentation.shift import flipped, whole_shifts


class RandomWarp:
    """The geometric changes of :class:`Augmentation`, one map an image.

    Differs from Szegedy et al. (2015) and torchvision in three points of the resized crop: a box's
    sides and place are not rounded to whole pixels; shrinking has no antialiasing, so pictures
    should be stored little larger than the network's input; and what a rotation, shift or shear
    brings in comes from the picture around the box, where there is one.

    Args:
        settings: the keys from ``resized_crop`` to ``shear_degrees`` count.
        size: (height, width) of the results, in pixels.
    """

    def __init__(self, settings: Augmentation, size: tuple[int, int]) -> None:
        self._settings = settings
        self._size = size

    def __call__(self, images: torch.Tensor, draws: ImageDraws) -> torch.Tensor:
        """Return the images [B, C, H, W], warped to [B, C, *size], zeros outside, bilinear.

        Raises:
            ValueError: the images are smaller than ``size`` and there is no crop to enlarge them.
        """
        input_size = images.shape[2], images.shape[3]
        return warp(images, self.maps(draws, input_size), self._size)

    def maps(self, draws: ImageDraws, input_size: tuple[int, int]) -> torch.Tensor:
        """Return the maps of images of a size (height, width), float32 [B, 3, 3]."""
        height, width = self._size
        uniform = draws.uniform(Use.WARP, 9)
        maps = self._to_centre(draws, input_size)
        for step in self._about_centre(uniform):
            maps = step @ maps
        ones = torch.ones_like(uniform[:, 0])
        return translation(ones * (width - 1) / 2, ones * (height - 1) / 2) @ maps

    def _to_centre(self, draws: ImageDraws, input_size: tuple[int, int]) -> torch.Tensor:
        """Return the maps that put each image's crop about (0, 0) in its final size."""
        height, width = self._size
        if self._settings.crop is not None:
            boxes = boxes_of_crop(draws, self._settings.crop, input_size, self._size)
            x, y, box_width, box_height = boxes.unbind(dim=1)
            return scaling(width / box_width, height / box_height) @ translation(-x, -y)
        top, left = central_corner(input_size, self._size)
        ones = torch.ones(len(draws), device=draws.device)
        return translation(-ones * (left + (width - 1) / 2), -ones * (top + (height - 1) / 2))

    def _about_centre(self, uniform: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the further maps [B, 3, 3] in the order of the keys, from numbers [B, 9].

        Each key has numbers of its own, so that it changes images in the same way whatever the
        others are.
        """
        settings, (height, width) = self._settings, self._size
        flip, crop_x, crop_y, angle, shift_x, shift_y, zoom, shear_x, shear_y = uniform.unbind(1)
        if settings.horizontal_flip:
            yield scaling(torch.where(flipped(flip), -1.0, 1.0), torch.ones_like(flip))
        if settings.crop_padding_pixels:
            padding = settings.crop_padding_pixels
            yield translation(whole_shifts(crop_x, padding), whole_shifts(crop_y, padding))
        if settings.rotation_degrees:
            yield rotation(settings.rotation_degrees * signed(angle))
        if settings.translation_fraction:
            x, y = (settings.translation_fraction * signed(draw) for draw in (shift_x, shift_y))
            yield translation(width * x, height * y)
        if settings.scale_fraction:
            factor = 1 + settings.scale_fraction * signed(zoom)
            yield scaling(factor, factor)
        if settings.shear_degrees:
            limit = math.radians(settings.shear_degrees)
            yield shear(*((limit * signed(draw)).tan() for draw in (shear_x, shear_y)))


def signed(uniform: torch.Tensor) -> torch.Tensor:
    """Return numbers in [-1, 1) from numbers in [0, 1)."""
    return 2 * uniform - 1
