"""The labels of N images: a class each, int64 [N], or the objects in each, float32 [N, M, 6].

:mod:`trainers.boxes` has the columns of objects, whose edges are in pixels of the images that a
split gives.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from trainers.boxes import COLUMNS, NO_OBJECT, classes, corners, is_kind
from trainers.data.splits.choice import digest_of
from trainers.errors import DataError


def are_objects(labels: Tensor) -> bool:
    """Return whether labels are objects, and not classes."""
    return labels.ndim == 3


def check_labels(labels: Tensor, images: int) -> None:
    """Check that labels have one of the two forms.

    Raises:
        DataError: they have not, or a box is empty.
    """
    if not are_objects(labels):
        if labels.shape != (images,) or labels.dtype != torch.int64:
            raise DataError(f"labels must be int64 [{images}], got {_shown(labels)}")
        return
    if labels.shape[::2] != (images, COLUMNS) or labels.dtype != torch.float32:
        raise DataError(f"objects must be float32 [{images}, M, {COLUMNS}], got {_shown(labels)}")
    is_empty = (corners(labels)[..., :2] >= corners(labels)[..., 2:]).any(dim=-1)
    if (is_empty & ~is_kind(labels, NO_OBJECT)).any():
        image, place = (is_empty & ~is_kind(labels, NO_OBJECT)).nonzero()[0].tolist()
        raise DataError(
            "a box must have its left edge before its right one, and its top above its bottom, got "
            f"{corners(labels)[image, place].tolist()} as object {place} of image {image}"
        )


def rows_of_objects(labels: Tensor) -> Tensor:
    """Return the rows that each image's objects take, int64 [N] on the CPU: no object lies beyond.

    Args:
        labels: objects [N, M, 6].
    """
    are_there = ~is_kind(labels, NO_OBJECT)
    rows = torch.arange(1, labels.shape[1] + 1, device=labels.device)
    return F.pad(are_there * rows, (1, 0)).amax(dim=1).cpu()


def class_range(labels: Tensor) -> tuple[int, int] | None:
    """Return the lowest and the highest class of labels; None where there is none."""
    there = classes_there(labels)
    return (int(there.min()), int(there.max())) if len(there) else None


def classes_there(labels: Tensor) -> Tensor:
    """Return the class of each image, or of each object, int64 [K]."""
    if not are_objects(labels):
        return labels
    return classes(labels)[~is_kind(labels, NO_OBJECT)]


def strata(labels: Tensor) -> Tensor:
    """Return what a choice of images keeps in proportion, int64 [N].

    It is the class of each image. Images with objects are of many classes, or of none: they are one
    stratum, and chosen at random.
    """
    return labels.new_zeros(len(labels), dtype=torch.int64) if are_objects(labels) else labels


def joined_labels(labels: Tensor, others: Tensor) -> Tensor:
    """Return the labels of some images and those of others after them."""
    if not are_objects(labels):
        return torch.cat([labels, others])
    most = max(labels.shape[1], others.shape[1])
    return torch.cat([F.pad(each, (0, 0, 0, most - each.shape[1])) for each in (labels, others)])


def digest_of_labels(labels: Tensor) -> str:
    """Identify labels in their order; rows that only fill a tensor do not count."""
    return digest_of(*label_numbers(labels))


def label_numbers(labels: Tensor) -> list[np.ndarray]:
    """Return int64 arrays, equal for equal labels alone."""
    labels = labels.cpu()
    if not are_objects(labels):
        return [labels.numpy()]
    are_there = ~is_kind(labels, NO_OBJECT)
    bits = labels[are_there].contiguous().view(torch.int32)
    return [are_there.sum(dim=1).numpy(), bits.flatten().long().numpy()]


def _shown(labels: Tensor) -> str:
    return f"{labels.dtype} {list(labels.shape)}"
