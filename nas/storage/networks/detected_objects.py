"""Detected objects: boxes with a class and a probability, as a saved detector tells them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from trainers import Preprocessing

SHOWN_FROM = 0.3
"""The least probability of an object that is shown where nobody says another; average precision
is computed from far less probable ones."""


class DetectedObject(NamedTuple):
    """An object that a detector found in a picture."""

    class_name: str
    probability: float  # 0..1
    box: tuple[float, float, float, float]  # left, top, right, bottom; pixels


def detected_objects(
    rows: Tensor,
    class_names: Sequence[str],
    preprocessing: Preprocessing,
    picture_hw: Sequence[tuple[int, int]] | None,
) -> list[list[DetectedObject]]:
    """Return the objects of each picture, the most probable first.

    Args:
        rows: [B, D, 6], of :func:`trainers.tasks.detection.detections.detections`.
        class_names: of the network.
        preprocessing: of the network.
        picture_hw: (height, width) of the B pictures, in whose pixels the boxes are returned; None
            leaves them in pixels of the network's input.
    """
    return [
        _of_picture(each, class_names, preprocessing, None if picture_hw is None else picture_hw[n])
        for n, each in enumerate(rows)
    ]


def _of_picture(
    rows: Tensor,
    class_names: Sequence[str],
    preprocessing: Preprocessing,
    picture_hw: tuple[int, int] | None,
) -> list[DetectedObject]:
    rows = rows[rows[:, 5] > 0]
    boxes = rows[:, :4]
    if picture_hw is not None:
        boxes = preprocessing.boxes_in_picture(boxes, picture_hw)
    return [
        DetectedObject(class_names[int(label)], probability, (left, top, right, bottom))
        for (left, top, right, bottom), label, probability in zip(
            boxes.tolist(), rows[:, 4].tolist(), rows[:, 5].tolist(), strict=True
        )
    ]
