"""The boxes that are drawn over a picture for the objects in it, true or detected."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from analysis.boxed_pictures import DrawnBox
from nas.storage.networks.detected_objects import DetectedObject
from trainers.boxes import CROWD, NO_OBJECT


def drawn_boxes(objects: torch.Tensor, class_names: Sequence[str]) -> list[DrawnBox]:
    """Return the boxes of objects [M, 6], see :mod:`trainers.boxes`; those of crowds are dashed."""
    return [
        DrawnBox((left, top, right, bottom), class_names[int(label)], int(label), kind == CROWD)
        for left, top, right, bottom, label, kind in objects.tolist()
        if kind != NO_OBJECT
    ]


def detected_boxes(
    objects: Sequence[DetectedObject], class_names: Sequence[str], scale: float = 1
) -> list[DrawnBox]:
    """Return the boxes of detected objects, each with its class and probability.

    Args:
        objects: of a picture.
        class_names: of the network.
        scale: by how much the drawn picture is larger than the one whose pixels the boxes have.
    """
    drawn = []
    for each in objects:
        left, top, right, bottom = (scale * edge for edge in each.box)
        label = f"{each.class_name} {each.probability:.0%}"
        drawn.append(
            DrawnBox((left, top, right, bottom), label, class_names.index(each.class_name))
        )
    return drawn
