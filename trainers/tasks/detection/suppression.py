"""Greedy non-maximum suppression, of several images and by class."""

from __future__ import annotations

import torch
from torch import Tensor

from trainers.tasks.detection.overlaps import intersections_over_unions

CELLS_AT_ONCE = 2**24
"""Overlaps of boxes that are in memory at a time."""


def suppress(boxes: Tensor, classes: Tensor, is_box: Tensor, most_overlap: float) -> Tensor:
    """Return which boxes stay, bool [B, K].

    A box stays unless one of its image and class before it stays that overlaps it more than
    ``most_overlap``.

    Args:
        boxes: [B, K, 4], the most probable first.
        classes: int64 [B, K].
        is_box: bool [B, K]; the others neither stay nor suppress.
        most_overlap: intersection over union.
    """
    images, count = classes.shape
    if not count or not images:
        return is_box
    at_once = max(1, CELLS_AT_ONCE // count**2)
    parts = zip(boxes.split(at_once), classes.split(at_once), is_box.split(at_once), strict=True)
    return torch.cat([_suppress(*part, most_overlap=most_overlap) for part in parts])


def _suppress(boxes: Tensor, classes: Tensor, is_box: Tensor, *, most_overlap: float) -> Tensor:
    rivals = intersections_over_unions(boxes, boxes) > most_overlap
    rivals &= classes[:, :, None] == classes[:, None, :]
    rivals = rivals.triu(diagonal=1)  # [B, by, of]: one suppresses only those after it
    stays = is_box
    # Each round settles at least the first box that was not settled: it ends at the greedy result.
    while True:
        suppressed = (rivals & stays[:, :, None]).any(dim=1)
        now = is_box & ~suppressed
        if torch.equal(now, stays):
            return stays
        stays = now
