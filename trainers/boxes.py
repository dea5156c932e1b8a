"""Objects in images, as one tensor: boxes, their classes, and what is not to be judged.

The objects of B images are float32 ``[B, M, 6]``, M the most that one of them has. A row is (left,
top, right, bottom, class, kind): edges in pixels of the image, whose top left corner is (0, 0) and
whose right and bottom edges lie at its width and height; a class from 0; and one of the kinds
below. It is one tensor so that a batch is gathered, sent to a device and cut as labels are.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

COLUMNS = 6

NO_OBJECT = 0
"""The kind of a row that only fills the tensor; all its other columns are 0."""

OBJECT = 1
"""The kind of an object that a network is to find."""

CROWD = 2
"""The kind of a region with many objects of one class, where a detection is no mistake."""


def corners(objects: Tensor) -> Tensor:
    """Return the boxes ``[..., 4]`` of objects ``[..., 6]``."""
    return objects[..., :4]


def classes(objects: Tensor) -> Tensor:
    """Return the classes ``[...]``, int64, of objects ``[..., 6]``."""
    return objects[..., 4].long()


def is_kind(objects: Tensor, kind: int) -> Tensor:
    """Return whether each of the objects ``[..., 6]`` is of a kind, bool ``[...]``."""
    return objects[..., 5] == kind


def scaled(objects: Tensor, factors: Tensor) -> Tensor:
    """Return the objects of images that became wider and higher.

    Args:
        objects: ``[N, M, 6]``.
        factors: of width and height, ``[N, 2]``, or ``[2]`` for all images.
    """
    both = F.pad(
        factors.to(objects.dtype).repeat_interleave(2, -1)[..., [0, 2, 1, 3]], (0, 2), value=1
    )
    return objects * both.unsqueeze(-2)


def shifted(objects: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return objects ``[N, M, 6]`` whose boxes moved by x to the right and y down, ``[N]`` each."""
    zero = torch.zeros_like(x)
    return objects + torch.stack([x, y, x, y, zero, zero], dim=-1).unsqueeze(-2)
