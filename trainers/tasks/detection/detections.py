"""Detections: the boxes of an image that a detector gives, each with a class and a probability."""

from __future__ import annotations

import torch
from torch import Tensor

from trainers.recipe.detection import Detection
from trainers.tasks.detection.suppression import suppress

COLUMNS = 6
"""The columns of a detection: left, top, right, bottom, class, probability."""


def detections(scores: Tensor, boxes: Tensor, settings: Detection) -> Tensor:
    """Return the detections of images, float32 [B, ``detections_per_image``, 6].

    A row is (left, top, right, bottom, class, probability), the most probable first; edges in
    pixels. Rows of probability 0 only fill the tensor.

    Args:
        scores: [B, N, classes], the probabilities of the anchors' classes.
        boxes: [B, N, 4], decoded from the anchors.
        settings: thresholds and numbers.
    """
    images, _, classes = scores.shape
    scores, boxes = scores.float(), boxes.float()
    count = min(settings.candidates_per_image, scores[0].numel() if images else 0)
    scores, places = scores.flatten(1).topk(count, dim=1)
    is_candidate = scores >= settings.score_threshold
    most = int(is_candidate.sum(dim=1).max()) if images else 0
    scores, places, is_candidate = scores[:, :most], places[:, :most], is_candidate[:, :most]
    labels = places % classes
    candidates = boxes.gather(1, (places // classes)[..., None].expand(-1, -1, 4))
    stays = suppress(
        candidates,
        labels,
        is_candidate,
        most_overlap=settings.suppression_iou,
        most_boxes=settings.detections_per_image,
    )
    rows = torch.cat([candidates, labels[..., None].float(), scores[..., None]], dim=2)
    return _first_rows(rows * stays[..., None], stays, settings.detections_per_image)


def _first_rows(rows: Tensor, stays: Tensor, count: int) -> Tensor:
    """Return the first ``count`` rows of each image that stay, then zeros."""
    order = stays.int().argsort(dim=1, descending=True, stable=True)[:, :count]
    chosen = rows.gather(1, order[..., None].expand(-1, -1, COLUMNS))
    return torch.cat([chosen, rows.new_zeros(len(rows), count - chosen.shape[1], COLUMNS)], dim=1)
