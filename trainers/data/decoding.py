"""Decoding: one uint8 array of the chosen pictures of a part, and all that is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from trainers.data.checks.picture_problems import PictureProblems
from trainers.data.checks.usable_picture import UnusablePicture, usable_picture
from trainers.data.pictures.pixels import pixels_of, to_colour
from trainers.data.pictures.resizing import Resizing
from trainers.data.sources.labelled_set import LabelledPart
from trainers.errors import listed_problems


class Decoder:
    """Decode pictures of one set, and note what is wrong, to be said together.

    Args:
        resizing: of the pictures; None where all of them have one size.
    """

    def __init__(self, resizing: Resizing | None) -> None:
        self._resizing = resizing
        self._problems = PictureProblems(is_resized=resizing is not None)

    def decode(self, part: LabelledPart, indices: Sequence[int]) -> npt.NDArray[np.uint8]:
        """Return [N, C, H, W] of N places, C = 1 if all pictures are grey and 3 otherwise.

        Where a picture has a problem, the array is incomplete: call :meth:`check`. Without pictures
        H = W = 0, or the size of the resizing.
        """
        pictures = part.pictures
        stacked: npt.NDArray[np.uint8] | None = None
        for position, index in enumerate(indices):
            try:
                picture = usable_picture(part, index)
            except UnusablePicture as error:
                self._problems.add(pictures, index, str(error))
                continue
            pixels = pixels_of(picture, self._resizing)
            height, width = pixels.shape[1:]
            self._problems.note_size((height, width), pictures, index)
            if stacked is None:
                stacked = np.empty((len(indices), *pixels.shape), np.uint8)
            if (height, width) != stacked.shape[2:]:
                continue  # said by :meth:`check`
            if pixels.shape[0] > stacked.shape[1]:
                stacked = to_colour(stacked)
            stacked[position] = pixels  # one grey channel is repeated
        if stacked is None:
            no_size = self._resizing.size if self._resizing else (0, 0)
            return np.empty((len(indices), 1, *no_size), np.uint8)
        return stacked

    def check(self, place: str) -> None:
        """Raise if a picture had a problem.

        Args:
            place: opens the message.

        Raises:
            DataError: all problems, by the pictures' names.
        """
        if problems := self._problems.lines():
            raise listed_problems(place, problems)
