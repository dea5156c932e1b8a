"""Objects that follow the augmentation of their images.

The box of an object becomes the least box that holds the moved one, cut off at the image's edges:
it still encloses what is to be seen of the object, and after a rotation or shear more than that.
An object leaves the image if less than a quarter of its moved box is in the image, or a side of
that part is shorter than a pixel: such an object is none that could be found.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from trainers.augmentation.draws import ImageDraws
from trainers.augmentation.operations import maps_of_operations
from trainers.augmentation.policy import RandomPolicy
from trainers.augmentation.settings import Augmentation
from trainers.augmentation.warp import RandomWarp
from trainers.boxes import NO_OBJECT, corners, is_kind

LEAST_VISIBLE = 0.25
"""Share of a moved box's area that must lie in the image."""

LEAST_SIDE_PIXELS = 1.0
"""Least side of the part of a box in the image, in pixels."""

Maps = Callable[[ImageDraws, tuple[int, int]], torch.Tensor]
"""A function of draws and (height, width) of images, whose result is their maps [B, 3, 3]; see
:mod:`trainers.augmentation.affine`."""


class ObjectAugmentation:
    """All that moves pixels in :func:`trainers.augmentation.augment.build_augmentation`, done to
    objects from the same draws.

    Args:
        settings: the augmentation; it does not mix images.
        size: (height, width) of the augmented images, in pixels.

    Raises:
        ValueError: the settings mix images.
    """

    def __init__(self, settings: Augmentation, size: tuple[int, int]) -> None:
        settings.check_objects()
        self._steps = _steps(settings, size)
        self._size = size

    def __call__(
        self,
        objects: torch.Tensor,
        draws: ImageDraws,
        input_size: tuple[int, int],
        cropped: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the objects [B, M, 6] of the augmented images.

        Args:
            objects: [B, M, 6].
            draws: their images' ones.
            input_size: (height, width) of the images, in pixels.
            cropped: [B, 3, 3], maps of whole pictures, in which the objects lie, to images that
                were cropped as they were decoded; None for images that were not.
        """
        shares = torch.ones_like(objects[..., 0])
        with torch.autocast(objects.device.type, enabled=False):
            if cropped is not None:
                objects, shares = moved_objects(objects, cropped, input_size)
            for maps in self._steps:
                moved = maps(draws, input_size).to(objects.device, non_blocking=True)
                objects, left = moved_objects(objects, moved, self._size)
                shares, input_size = shares * left, self._size
        return without(objects, shares)


def moved_objects(
    objects: torch.Tensor, maps: torch.Tensor, size: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Move boxes with their images, and cut them off at the images' edges.

    Args:
        objects: [B, M, 6].
        maps: [B, 3, 3], see :mod:`trainers.augmentation.affine`.
        size: (height, width) of the moved images, in pixels.

    Returns:
        objects [B, M, 6], and the share of each moved box's area that is in the image, [B, M].
    """
    left, top, right, bottom = (corners(objects) - 0.5).unbind(dim=-1)  # centres are whole numbers
    x = torch.stack([left, right, left, right], dim=-1)
    y = torch.stack([top, top, bottom, bottom], dim=-1)
    xx, xy, x_shift = maps[:, None, None, 0].unbind(dim=-1)
    yx, yy, y_shift = maps[:, None, None, 1].unbind(dim=-1)
    sides, shares = [], torch.ones_like(left)
    for places, limit in (
        (xx * x + xy * y + x_shift + 0.5, size[1]),
        (yx * x + yy * y + y_shift + 0.5, size[0]),
    ):
        low, high = places.amin(dim=-1), places.amax(dim=-1)
        begin, end = low.clamp(0, limit), high.clamp(0, limit)
        shares = shares * (end - begin) / (high - low)
        sides.append((begin, end))
    (left, right), (top, bottom) = sides
    return torch.stack([left, top, right, bottom, objects[..., 4], objects[..., 5]], -1), shares


def without(objects: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Return objects [B, M, 6] without those of which too little is in the image.

    Args:
        objects: whose boxes are cut off at the images' edges.
        shares: [B, M], of the area of each box that was left.
    """
    left, top, right, bottom = corners(objects).unbind(dim=-1)
    is_seen = (shares >= LEAST_VISIBLE) & ~is_kind(objects, NO_OBJECT)
    is_seen &= torch.minimum(right - left, bottom - top) >= LEAST_SIDE_PIXELS
    return torch.where(is_seen[..., None], objects, 0.0)


def _steps(settings: Augmentation, size: tuple[int, int]) -> list[Maps]:
    steps: list[Maps] = [RandomWarp(settings, size).maps]
    if settings.policy is not None:
        policy = RandomPolicy(settings.policy, size)
        for turn in range(policy.turns):
            steps.append(partial(_maps_of_policy, policy, turn))
    return steps


def _maps_of_policy(
    policy: RandomPolicy, turn: int, draws: ImageDraws, size: tuple[int, int]
) -> torch.Tensor:
    return maps_of_operations(*policy.drawn(draws.to("cpu"), turn), size)
