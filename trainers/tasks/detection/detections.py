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

    A row is (left, top, right, bottom, class, probability), the most probable first, and of equal
    ones the first anchor's first class; edges in pixels. Rows of probability 0 only fill the
    tensor.

    Args:
        scores: [B, N, classes], the probabilities of the anchors' classes.
        boxes: [B, N, 4], decoded from the anchors.
        settings: thresholds and numbers.
    """
    images, _, classes = scores.shape
    if not images:
        return scores.new_zeros((0, settings.detections_per_image, COLUMNS), dtype=torch.float32)
    boxes = boxes.float()
    scores = scores.float().flatten(1).nan_to_num(0)  # what is no number is no detection
    count = min(settings.candidates_per_image, scores.shape[1])
    places = torch.stack([_first_places(each, count) for each in scores])
    scores = scores.gather(1, places)
    is_candidate = scores >= settings.score_threshold
    most = int(is_candidate.sum(dim=1).max())
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


def _first_places(scores: Tensor, count: int) -> Tensor:
    """Return the places [count] of the highest scores [P] in order, of equal ones the first.

    ``topk`` itself leaves open which of equal scores it takes, and in which order.
    """
    least = scores.topk(count).values[-1]
    above = (scores > least).nonzero()[:, 0]
    equal = (scores == least).nonzero()[: count - len(above), 0]
    places = torch.cat([above, equal])
    return places[scores[places].argsort(descending=True, stable=True)]


def _first_rows(rows: Tensor, stays: Tensor, count: int) -> Tensor:
    """Return the first ``count`` rows of each image that stay, then zeros."""
    order = stays.int().argsort(dim=1, descending=True, stable=True)[:, :count]
    chosen = rows.gather(1, order[..., None].expand(-1, -1, COLUMNS))
    return torch.cat([chosen, rows.new_zeros(len(rows), count - chosen.shape[1], COLUMNS)], dim=1)
