"""Decoding: one uint8 array of the chosen pictures of a part, and all that is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from trainers.data.pixels import DECODER_ERRORS, decoded_upright, pixels_of, problem_of, to_colour
from trainers.data.resizing import Resizing
from trainers.data.sources.labelled_set import Pictures
from trainers.errors import listed_problems

MOST_SHOWN = 20
"""Images that are named in one message, at most."""


class Decoder:
    """Decode pictures of one set, and note what is wrong, to be said together.

    Args:
        resizing: of the pictures; None where all of them have one size.
    """

    def __init__(self, resizing: Resizing | None) -> None:
        self._resizing = resizing
        self._problems: list[str] = []
        self._sizes: Counter[tuple[int, ...]] = Counter()
        self._first_of_size: dict[tuple[int, ...], str] = {}

    def decode(self, pictures: Pictures, indices: Sequence[int]) -> npt.NDArray[np.uint8]:
        """Return [N, C, H, W] of N places, C = 1 if all pictures are grey and 3 otherwise.

        Where a picture has a problem, the array is incomplete: call :meth:`check`. Without pictures
        H = W = 0, or the size of the resizing.
        """
        from PIL import UnidentifiedImageError  # noqa: PLC0415 (slow to import)

        stacked: npt.NDArray[np.uint8] | None = None
        for position, index in enumerate(indices):
            try:
                file = pictures.file(index)
                picture = None if file is None else decoded_upright(file, pictures.mode)
                if problem := problem_of(picture):
                    self._problems.append(f"{pictures.name(index)} {problem}")
                    continue
            except UnidentifiedImageError:
                name = pictures.name(index)
                self._problems.append(f"{name} is not an image of a format that Pillow reads")
                continue
            except DECODER_ERRORS as error:
                self._problems.append(f"{pictures.name(index)} cannot be read: {error}")
                continue
            pixels = pixels_of(picture, self._resizing)
            size = pixels.shape[1:]
            self._sizes[size] += 1
            if size not in self._first_of_size:
                self._first_of_size[size] = pictures.name(index)
            if stacked is None:
                stacked = np.empty((len(indices), *pixels.shape), np.uint8)
            if size != stacked.shape[2:]:
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
        problems = list(self._problems)
        if len(problems) > MOST_SHOWN:
            more = len(problems) - MOST_SHOWN
            problems = [*problems[:MOST_SHOWN], f"and {more} more that cannot be used"]
        if len(self._sizes) > 1:
            sizes = [
                f"{count} of {list(size)} ({self._first_of_size[size]})"
                for size, count in self._sizes.most_common(MOST_SHOWN)
            ]
            problems.append(
                f"images differ in size, [height, width]: {', '.join(sizes)}; set image_size to "
                "resize them"
            )
        if problems:
            raise listed_problems(place, problems)
