"""Objects as the annotations of a set give them: one tensor for all images, and what is wrong.

A box that reaches less than two pixels beyond its image is cut off at the edge: annotations round
so. Everything else that is wrong with a box is a problem, or, with ``skip_damaged``, the reason to
leave it out; both are said with the number of such boxes and the names of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trainers.boxes import COLUMNS, CROWD, OBJECT
from trainers.data.sources.listed_names import listed

OVERHANG_PIXELS = 2.0
"""A box that reaches further beyond its image is a problem: it may be of another image or form."""


class Annotations(NamedTuple):
    """The objects of one part, K of them, in the order of their images.

    Attributes:
        images: int64 [K], the place of each one's image in the part; rising.
        boxes: float64 [K, 4], left, top, right and bottom edge, in pixels.
        classes: int64 [K]; -1 where an object has none.
        are_crowds: bool [K].
    """

    images: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.float64]
    classes: npt.NDArray[np.int64]
    are_crowds: npt.NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        images: Sequence[int],
        boxes: npt.NDArray[np.float64],
        classes: Sequence[int],
        are_crowds: Sequence[bool],
    ) -> Annotations:
        """Return annotations in any order by their images, and else in the given order."""
        places = np.asarray(images, np.int64)
        order = np.argsort(places, kind="stable")
        return cls(
            places[order],
            boxes[order],
            np.asarray(classes, np.int64)[order],
            np.asarray(are_crowds, bool)[order],
        )

    def numbers(self) -> npt.NDArray[np.int64]:
        """Return the place of each object among those of its image, int64 [K]."""
        return np.arange(len(self.images)) - np.searchsorted(self.images, self.images)


class Objects(NamedTuple):
    """The objects of one part.

    Attributes:
        labels: float32 [N, M, 6], see :mod:`trainers.boxes`.
        wrong: what is wrong with boxes, a line each kind.
    """

    labels: npt.NDArray[np.float32]
    wrong: list[str]


def objects_of(
    annotations: Annotations, hw: npt.NDArray[np.int64], name: Callable[[int], str]
) -> Objects:
    """Return the objects that can be used.

    Args:
        annotations: of the part.
        hw: int64 [N, 2], height and width of its images, in pixels; zeros where they are unknown,
            and no box can be outside.
        name: returns what a message calls an image.
    """
    boxes = annotations.boxes.copy()
    limits = hw[annotations.images][:, [1, 0]].astype(np.float64)
    limits[limits == 0] = np.inf
    is_finite = np.isfinite(boxes).all(axis=1)
    with np.errstate(invalid="ignore"):
        beyond = np.maximum(-boxes[:, :2], boxes[:, 2:] - limits).max(axis=1, initial=-np.inf)
        is_empty = (boxes[:, 2:] <= boxes[:, :2]).any(axis=1)
        boxes[:, :2] = boxes[:, :2].clip(0, limits)
        boxes[:, 2:] = boxes[:, 2:].clip(0, limits)
        stored = boxes.astype(np.float32)
        is_outside = (beyond > OVERHANG_PIXELS) | (stored[:, 2:] <= stored[:, :2]).any(axis=1)
    reasons = {
        "boxes have an edge that is no finite number": ~is_finite,
        "boxes are empty (no width or no height)": is_finite & is_empty,
        f"boxes reach {OVERHANG_PIXELS:g} pixels or more out of their image, or lie outside": (
            is_finite & ~is_empty & is_outside
        ),
        "objects have no class": annotations.classes < 0,
    }
    numbers = annotations.numbers()
    wrong = []
    for reason, are_wrong in reasons.items():
        if rows := np.flatnonzero(are_wrong).tolist():
            shown = [f"{name(int(annotations.images[row]))} object {numbers[row]}" for row in rows]
            wrong.append(f"{len(rows)} {reason}: {listed(shown)}")
    kept = ~np.any(list(reasons.values()), axis=0)
    return Objects(_padded(annotations, stored, kept, len(hw)), wrong)


def _padded(
    annotations: Annotations,
    boxes: npt.NDArray[np.float32],
    kept: npt.NDArray[np.bool_],
    images: int,
) -> npt.NDArray[np.float32]:
    """Return the objects that are kept, [images, M, 6]: those of an image in its first rows."""
    places = annotations.images[kept]
    counts = np.bincount(places, minlength=images)
    labels = np.zeros((images, int(counts.max(initial=0)), COLUMNS), np.float32)
    rows = np.arange(len(places)) - (np.cumsum(counts) - counts)[places]
    kinds = np.where(annotations.are_crowds[kept], CROWD, OBJECT)
    labels[places, rows] = np.column_stack([boxes[kept], annotations.classes[kept], kinds])
    return labels
