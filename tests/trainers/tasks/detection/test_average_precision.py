"""Average precision is that of pycocotools."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import Tensor

from trainers.boxes import CROWD, OBJECT
from trainers.tasks.detection.average_precision import average_precision

CLASSES = 4


def drawn_split(seed: int) -> tuple[Tensor, Tensor]:
    """Detections [N, D, 6] near and far from objects [N, M, 6] of all sizes, some of them crowds.

    No object is of the last class.
    """
    rng = np.random.default_rng(seed)
    images, most = 30, 6
    objects = torch.zeros((images, most, 6))
    detected = torch.zeros((images, 2 * most, 6))
    for image in range(images):
        for row in range(int(rng.integers(0, most + 1))):
            low = rng.uniform(0, 200, 2)
            sides = np.exp(rng.uniform(np.log(6), np.log(240), 2))
            label = rng.integers(0, CLASSES - 1)
            kind = CROWD if rng.random() < 0.15 else OBJECT
            objects[image, row] = torch.tensor([*low, *(low + sides), label, kind])
            moved = objects[image, row, :4].numpy() + rng.normal(0, 0.08, 4) * sides.mean()
            given = label if rng.random() < 0.8 else rng.integers(0, CLASSES)
            detected[image, row] = torch.tensor([*moved, given, rng.uniform(0.05, 1)])
            if rng.random() < 0.4:
                other = rng.uniform(0, 200, 2)
                detected[image, most + row] = torch.tensor(
                    [*other, *(other + 30), given, rng.uniform(0.05, 1)]
                )
    return detected, objects


def by_pycocotools(detected: Tensor, objects: Tensor) -> list[float]:
    rows = [
        (image, [float(value) for value in row])
        for image, each in enumerate(objects)
        for row in each
        if row[5] > 0
    ]
    truth = COCO()
    with contextlib.redirect_stdout(io.StringIO()):
        truth.dataset = {
            "images": [{"id": image} for image in range(len(objects))],
            "categories": [{"id": label} for label in range(CLASSES)],
            "annotations": [
                {
                    "id": number,
                    "image_id": image,
                    "category_id": int(label),
                    "bbox": [left, top, right - left, bottom - top],
                    "area": (right - left) * (bottom - top),
                    "iscrowd": int(kind == CROWD),
                }
                for number, (image, (left, top, right, bottom, label, kind)) in enumerate(rows, 1)
            ],
        }
        truth.createIndex()
        results = truth.loadRes(
            [
                {
                    "image_id": image,
                    "category_id": int(row[4]),
                    "bbox": [*row[:2].tolist(), *(row[2:4] - row[:2]).tolist()],
                    "score": float(row[5]),
                }
                for image, each in enumerate(detected)
                for row in each
                if row[5] > 0
            ]
        )
        evaluation = COCOeval(truth, results, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(value) for value in evaluation.stats[:6]]


@pytest.mark.parametrize("seed", range(3))
def test_it_is_that_of_pycocotools(seed: int) -> None:
    detected, objects = drawn_split(seed)
    precision = average_precision(detected, objects, CLASSES)
    assert list(precision[:6]) == pytest.approx(by_pycocotools(detected, objects), abs=1e-6)
    assert precision.classes[-1] is None
    assert precision.all == pytest.approx(np.mean([p for p in precision.classes if p is not None]))


def test_right_detections_have_precision_one() -> None:
    _, objects = drawn_split(0)
    objects[..., 5] = objects[..., 5].clamp(max=OBJECT)
    precision = average_precision(objects, objects, CLASSES)
    assert precision.all == pytest.approx(1)
    assert precision.small == pytest.approx(1)


def test_no_detection_has_precision_zero_and_no_object_none() -> None:
    detected, objects = drawn_split(0)
    assert average_precision(torch.zeros_like(detected), objects, CLASSES).all == 0
    nothing = average_precision(detected, torch.zeros_like(objects), CLASSES)
    assert nothing.all is None
    assert nothing.classes == (None,) * CLASSES
