"""Overlaps of boxes (left, top, right, bottom), in pixels."""

from __future__ import annotations

import torch
from torch import Tensor


def areas(boxes: Tensor) -> Tensor:
    """Return the areas ``[...]`` of boxes ``[..., 4]``."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def intersections(first: Tensor, second: Tensor) -> Tensor:
    """Return the areas ``[..., M, N]`` that boxes ``[..., M, 4]`` and ``[..., N, 4]`` share."""
    low = torch.maximum(first[..., :, None, :2], second[..., None, :, :2])
    high = torch.minimum(first[..., :, None, 2:], second[..., None, :, 2:])
    sides = (high - low).clamp(min=0)
    return sides[..., 0] * sides[..., 1]


def intersections_over_unions(first: Tensor, second: Tensor) -> Tensor:
    """Return the overlaps ``[..., M, N]`` of boxes ``[..., M, 4]`` and ``[..., N, 4]``.

    The overlap of two boxes without an area is 0.
    """
    shared = intersections(first, second)
    union = areas(first)[..., :, None] + areas(second)[..., None, :] - shared
    return shared / union.clamp(min=torch.finfo(union.dtype).tiny)
