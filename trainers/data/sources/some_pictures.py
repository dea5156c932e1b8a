"""Some of the pictures of a part, such as those that can be decoded."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from trainers.data.pictures.pixels import PictureFile
from trainers.data.sources.labelled_set import LabelledPart, Pictures


class SomePictures:
    """A selection from pictures, in their order; see :class:`Pictures` for the methods.

    Args:
        pictures: the whole.
        rows: int64 [N], ascending places in it.
    """

    def __init__(self, pictures: Pictures, rows: npt.NDArray[np.int64]) -> None:
        self._pictures = pictures
        self.rows = rows

    def name(self, index: int) -> str:
        """Return what a message calls a picture."""
        return self._pictures.name(int(self.rows[index]))

    def file(self, index: int) -> PictureFile | None:
        """Return what Pillow opens."""
        return self._pictures.file(int(self.rows[index]))

    @property
    def mode(self) -> str | None:
        """The mode to which the data set says to convert every picture."""
        return self._pictures.mode

    def some(self, places: npt.NDArray[np.int64]) -> SomePictures:
        """Return those at some ascending places."""
        return SomePictures(self._pictures, self.rows[places])

    def stored_names(self) -> Iterator[str]:
        """Yield each picture's name within the set."""
        rows = iter(self.rows.tolist())
        wanted = next(rows, None)
        for row, name in enumerate(self._pictures.stored_names()):
            if row == wanted:
                yield name
                wanted = next(rows, None)

    def sizes_bytes(self) -> npt.NDArray[np.int64]:
        """Return the sizes of the encoded pictures, int64 [N]."""
        return self._pictures.sizes_bytes()[self.rows]


def selected(part: LabelledPart, rows: npt.NDArray[np.int64]) -> LabelledPart:
    """Return the images at some ascending places of a part."""
    hw = None if part.hw is None else part.hw[rows]
    return LabelledPart(part.labels[rows], SomePictures(part.pictures, rows), hw)
