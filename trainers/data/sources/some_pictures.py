"""Some of the pictures of a part, such as those that can be decoded."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from trainers.data.sources.labelled_set import LabelledPart, Pictures

if TYPE_CHECKING:
    from PIL import Image


class SomePictures:
    """A selection from pictures, in their order; see :class:`Pictures` for the methods.

    Args:
        pictures: the whole.
        rows: int64 [N], ascending places in it.
    """

    def __init__(self, pictures: Pictures, rows: npt.NDArray[np.int64]) -> None:
        self._pictures = pictures
        self._rows = rows

    def name(self, index: int) -> str:
        """Return what a message calls a picture."""
        return self._pictures.name(int(self._rows[index]))

    def open(self, index: int) -> Image.Image | None:
        """Decode a picture and turn it upright."""
        return self._pictures.open(int(self._rows[index]))

    def file(self, index: int) -> str | io.BytesIO | None:
        """Return what Pillow opens."""
        return self._pictures.file(int(self._rows[index]))

    def stored_names(self) -> Iterator[str]:
        """Yield each picture's name within the set."""
        rows = iter(self._rows.tolist())
        wanted = next(rows, None)
        for row, name in enumerate(self._pictures.stored_names()):
            if row == wanted:
                yield name
                wanted = next(rows, None)

    def sizes_bytes(self) -> npt.NDArray[np.int64]:
        """Return the sizes of the encoded pictures, int64 [N]."""
        return self._pictures.sizes_bytes()[self._rows]


def selected(part: LabelledPart, rows: npt.NDArray[np.int64]) -> LabelledPart:
    """Return the images at some ascending places of a part."""
    return LabelledPart(part.labels[rows], SomePictures(part.pictures, rows))
