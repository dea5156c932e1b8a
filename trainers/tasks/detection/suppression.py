"""Greedy non-maximum suppression, of several images and by class."""

from __future__ import annotations

import torch
from torch import Tensor

from trainers.tasks.detection.overlaps import intersections_over_unions


def suppress(
    boxes: Tensor, classes: Tensor, is_box: Tensor, *, most_overlap: float, most_boxes: int
) -> Tensor:
    """Return which boxes stay, bool [B, K].

    A box stays unless one of its image and class before it stays that overlaps it more than
    ``most_overlap``, or ``most_boxes`` of its image before it stay.

    Args:
        boxes: [B, K, 4], the most probable first.
        classes: int64 [B, K].
        is_box: bool [B, K]; the others neither stay nor suppress.
        most_overlap: intersection over union.
        most_boxes: of an image.
    """
    count = is_box.shape[1]
    places = torch.arange(count, device=boxes.device)
    stays, remains = torch.zeros_like(is_box), is_box.clone()
    for _ in range(min(most_boxes, count)):  # each round takes the next box of every image
        place = places.where(remains, count).amin(dim=1, keepdim=True)  # count: none is left
        if not remains.any():
            break
        stays |= places == place
        chosen = place.clamp(max=count - 1)
        box = boxes.gather(1, chosen[..., None].expand(-1, -1, 4))
        overlaps = intersections_over_unions(box, boxes)[:, 0]
        is_rival = (overlaps > most_overlap) & (classes == classes.gather(1, chosen))
        remains &= ~(is_rival & (place < count)) & (places != place)
    return stays
