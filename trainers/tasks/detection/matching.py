"""The anchors of an image, matched with its objects.

Source: Lin et al. 2017, arXiv 1708.02002, section 4 ("Anchors"). What is added: see
:class:`trainers.recipe.detection.Detection`; and an anchor of which a crowd covers ``match_iou``
or more is not trained as background, since what it shows may be an object that nobody boxed.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from trainers.boxes import CROWD, OBJECT, classes, corners, is_kind
from trainers.recipe.detection import Detection
from trainers.tasks.detection.overlaps import areas, intersections, intersections_over_unions

BACKGROUND = -1
NOT_TRAINED = -2

CELLS_AT_ONCE = 2**24
"""Overlaps of objects and anchors that are in memory at a time."""


class Matches(NamedTuple):
    """The objects that each of the N anchors of B images is to find."""

    classes: Tensor  # int64 [B, N]: a class, BACKGROUND or NOT_TRAINED
    boxes: Tensor  # float32 [B, N, 4]: the object's; without a meaning for the others


def match(anchors: Tensor, objects: Tensor, settings: Detection) -> Matches:
    """Match anchors with objects.

    Args:
        anchors: [N, 4], of each of the images.
        objects: [B, M, 6], of :mod:`trainers.boxes`.
        settings: the thresholds.
    """
    images, most, _ = objects.shape
    if not most or not images:
        return _without_objects(anchors, images)
    at_once = max(1, CELLS_AT_ONCE // (most * len(anchors)))
    parts = [_match(anchors, part, settings) for part in objects.split(at_once)]
    return Matches(*(torch.cat(each) for each in zip(*parts, strict=True)))


def _without_objects(anchors: Tensor, images: int) -> Matches:
    shape = (images, len(anchors))
    return Matches(
        torch.full(shape, BACKGROUND, device=anchors.device), anchors.expand(*shape[:1], -1, -1)
    )


def _match(anchors: Tensor, objects: Tensor, settings: Detection) -> Matches:
    boxes, is_object = corners(objects), is_kind(objects, OBJECT)
    overlaps = intersections_over_unions(boxes, anchors)  # [B, M, N]
    overlaps = overlaps.masked_fill(~is_object[..., None], -1)
    overlap, matched = overlaps.max(dim=1)  # [B, N]
    is_matched = overlap >= settings.match_iou
    is_trained = is_matched | (overlap < settings.background_iou)
    if settings.match_best_anchor:
        forced, of_object = _best_anchors(overlaps)
        matched = of_object.where(forced, matched)
        is_matched, is_trained = is_matched | forced, is_trained | forced
    in_crowd = _crowded(anchors, objects) >= settings.match_iou
    labels = classes(objects).gather(1, matched).where(is_matched, BACKGROUND)
    labels = labels.where(is_trained & (is_matched | ~in_crowd), NOT_TRAINED)
    return Matches(labels, boxes.gather(1, matched[..., None].expand(-1, -1, 4)))


def _best_anchors(overlaps: Tensor) -> tuple[Tensor, Tensor]:
    """Return whether each anchor overlaps some object most of all, and which, both [B, N].

    Of several objects with the same best anchor, the one takes it that it overlaps more.
    """
    best, anchor = overlaps.max(dim=2, keepdim=True)  # [B, M, 1]
    own = torch.full_like(overlaps, -1).scatter_(2, anchor, best)
    overlap, of_object = own.max(dim=1)
    return overlap > 0, of_object


def _crowded(anchors: Tensor, objects: Tensor) -> Tensor:
    """Return the largest share of each anchor that one crowd covers, [B, N]."""
    covered = intersections(corners(objects), anchors) / areas(anchors)
    return covered.masked_fill(~is_kind(objects, CROWD)[..., None], 0).amax(dim=1)
