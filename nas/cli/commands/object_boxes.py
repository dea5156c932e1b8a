"""The boxes that are drawn over a picture for the objects in it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from analysis.boxed_pictures import DrawnBox
from trainers.boxes import CROWD, NO_OBJECT


def drawn_boxes(objects: torch.Tensor, class_names: Sequence[str]) -> list[DrawnBox]:
    """Return the boxes of objects [M, 6], see :mod:`trainers.boxes`; those of crowds are dashed."""
    return [
        DrawnBox((left, top, right, bottom), class_names[int(label)], int(label), kind == CROWD)
        for left, top, right, bottom, label, kind in objects.tolist()
        if kind != NO_OBJECT
    ]
