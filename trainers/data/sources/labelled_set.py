"""A labelled image set as its source gives it: parts, labels and pictures, none decoded yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from trainers.data.pictures.pixels import PictureFile
from trainers.data.sources.part_names import Part


class Pictures(Protocol):
    """The pictures of one part, by their places in it."""

    def name(self, index: int) -> str:
        """Return what a message calls a picture, such as its file."""
        ...

    def file(self, index: int) -> PictureFile | None:
        """Return a picture as Pillow opens it; None if there is none.

        Raises:
            OSError, ValueError: it cannot be read.
        """
        ...

    @property
    def mode(self) -> str | None:
        """Pillow's mode to which the data set says to convert every picture; None for none."""
        ...

    def stored_names(self) -> Iterator[str]:
        """Yield each picture's name within the set; an empty one where it has none.

        It does not depend on where the set is kept.
        """
        ...

    def sizes_bytes(self) -> npt.NDArray[np.int64]:
        """Return the sizes of all encoded pictures, int64 [N]; -1 where there is none to read."""
        ...


@dataclass(frozen=True, eq=False)
class LabelledPart:
    """One part of a set.

    Attributes:
        labels: int64 [N], indices of class names; or objects, float32 [N, M, 6], in the pixels of
            the pictures, see :mod:`trainers.data.splits.labels`.
        pictures: N of them.
        hw: int64 [N, 2], height and width of the upright pictures, in pixels, that objects lie in;
            zeros where they are unknown. None where labels are classes.
    """

    labels: npt.NDArray[Any]
    pictures: Pictures
    hw: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """All parts of a set; "train" is among them.

    Attributes:
        parts: those that the set itself has.
        class_names: one a class.
        left_out: what was not read, and why, a line each.
        problems: why nothing can be trained on it, a line each; labels may be wrong then.
    """

    parts: Mapping[Part, LabelledPart]
    class_names: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def has_objects(self) -> bool:
        """Whether labels are objects in the pictures."""
        return self.parts["train"].hw is not None
