"""Average precision of detections, as COCO defines it, computed by faster-coco-eval."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from torch import Tensor

from trainers.boxes import CROWD, NO_OBJECT


class AveragePrecision(NamedTuple):
    """Average precisions in 0..1; None where no object is of the kind."""

    all: float | None
    at_50: float | None
    at_75: float | None
    small: float | None
    medium: float | None
    large: float | None
    classes: tuple[float | None, ...]


def average_precision(detected: Tensor, objects: Tensor, classes: int) -> AveragePrecision:
    """Compute the average precision of a split.

    Args:
        detected: [N, D, 6], of :func:`trainers.tasks.detection.detections.detections`.
        objects: [N, M, 6], of :mod:`trainers.boxes`.
        classes: how many there are.
    """
    from faster_coco_eval import COCO, COCOeval_faster  # noqa: PLC0415 (slow to import)

    truth = COCO(_annotations(objects, classes))
    rows = _results(detected)
    results = truth.loadRes(rows if len(rows) else [])
    evaluation = COCOeval_faster(truth, results, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    precision = evaluation.eval["precision"]  # [overlaps, recalls, classes, areas, most detections]
    overall, at_50, at_75, small, medium, large = (
        None if value < 0 else float(value) for value in list(evaluation.stats)[:6]
    )
    by_class = tuple(_mean(precision[:, :, label, 0, -1]) for label in range(classes))
    return AveragePrecision(overall, at_50, at_75, small, medium, large, by_class)


def _mean(precision: npt.NDArray[np.float64]) -> float | None:
    """Return the mean of precisions; None of a class without objects, where COCO has -1."""
    return None if (precision < 0).all() else float(precision[precision >= 0].mean())


def _annotations(objects: Tensor, classes: int) -> dict[str, Any]:
    """Return COCO's dictionary of the objects; images and classes are numbered from 1."""
    cells = objects.cpu().double().numpy()
    listed: list[dict[str, Any]] = []
    for image, row in zip(*np.nonzero(cells[..., 5] != NO_OBJECT), strict=True):
        left, top, right, bottom, label, kind = cells[image, row].tolist()
        listed.append(
            {
                "id": len(listed) + 1,
                "image_id": int(image) + 1,
                "category_id": int(label) + 1,
                "bbox": [left, top, right - left, bottom - top],
                "area": (right - left) * (bottom - top),
                "iscrowd": int(kind == CROWD),
            }
        )
    return {
        "images": [{"id": index + 1} for index in range(len(cells))],
        "categories": [{"id": label + 1, "name": str(label)} for label in range(classes)],
        "annotations": listed,
    }


def _results(detected: Tensor) -> npt.NDArray[np.float64]:
    """Return COCO's rows of detections: image, left, top, width, height, probability, class."""
    cells = detected.cpu().double().numpy()
    image, row = np.nonzero(cells[..., 5] > 0)
    left, top, right, bottom, label, score = cells[image, row].T
    return np.stack([image + 1, left, top, right - left, bottom - top, score, label + 1], axis=1)
