"""Pictures on disk with their labels, decoded whenever they are used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from trainers.data.pictures.pixels import (
    DECODER_ERRORS,
    PictureFile,
    decoded_upright,
    pixels_of,
    problem_of,
)
from trainers.data.pictures.resizing import Resizing
from trainers.data.sources.some_pictures import SomePictures
from trainers.data.splits.choice import digest_of
from trainers.errors import FAULTS_OF_MACHINES, DataError


class JoinedPictures:
    """Pictures of several parts of a set, one part after another.

    Args:
        parts: the pictures of each.
    """

    def __init__(self, parts: Sequence[SomePictures]) -> None:
        self._parts = tuple(parts)
        self._ends = np.cumsum([len(part.rows) for part in parts], dtype=np.int64)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def name(self, index: int) -> str:
        """See :class:`trainers.data.sources.labelled_set.Pictures`."""
        part, position = self._place(index)
        return part.name(position)

    def file(self, index: int) -> PictureFile | None:
        """See :class:`trainers.data.sources.labelled_set.Pictures`."""
        part, position = self._place(index)
        return part.file(position)

    @property
    def mode(self) -> str | None:
        """See :class:`trainers.data.sources.labelled_set.Pictures`."""
        return self._parts[0].mode

    def positions(self) -> list[npt.NDArray[np.int64]]:
        """Return the places in each part."""
        return [part.rows for part in self._parts]

    def rows(self, positions: npt.NDArray[np.int64]) -> JoinedPictures:
        """Return those at some positions, which rise."""
        begins = np.concatenate([[0], self._ends[:-1]])
        return JoinedPictures(
            [
                part.some(positions[(positions >= begin) & (positions < end)] - begin)
                for part, begin, end in zip(self._parts, begins, self._ends, strict=True)
            ]
        )

    def joined(self, other: JoinedPictures) -> JoinedPictures:
        """Return these and others after them."""
        return JoinedPictures([*self._parts, *other._parts])

    def _place(self, index: int) -> tuple[SomePictures, int]:
        part = int(np.searchsorted(self._ends, index, side="right"))
        begin = int(self._ends[part - 1]) if part else 0
        return self._parts[part], index - begin


@dataclass(frozen=True, eq=False)
class PictureSplit:
    """Pictures, N of them, and their labels. Grey pictures have their channel repeated.

    Attributes:
        pictures: the files.
        labels: [N], int64.
        resizing: of every picture, where no random part of it is cut out.
    """

    pictures: JoinedPictures
    labels: torch.Tensor
    resizing: Resizing

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of a resized image."""
        return 3, *self.resizing.size

    def pixels(self, positions: torch.Tensor) -> torch.Tensor:
        """Decode the images at some positions and resize them: uint8 [B, C, H, W], on the CPU.

        Raises:
            DataError: one cannot be decoded; with its name.
        """
        return self.decoded(
            positions,
            self.resizing.size,
            lambda row, file: pixels_of(
                self.usable(decoded_upright(file, self.pictures.mode)), self.resizing
            ),
        )

    def decoded(
        self,
        positions: torch.Tensor,
        size: tuple[int, int],
        decode: Callable[[int, PictureFile], npt.NDArray[np.uint8]],
    ) -> torch.Tensor:
        """Decode the images at some positions: uint8 [B, 3, *size], on the CPU.

        Args:
            positions: int64 [B].
            size: (height, width) of the results.
            decode: a function of the image's place among ``positions`` and its file, whose result
                is [1 or 3, *size].

        Raises:
            DataError: one cannot be decoded; with its name.
            OSError: the machine is at fault.
        """
        images = np.empty((len(positions), 3, *size), np.uint8)
        for row, position in enumerate(positions.tolist()):
            try:
                file = self.pictures.file(position)
                if file is None:
                    raise ValueError("it is missing")
                images[row] = decode(row, file)  # one grey channel is repeated
            except DECODER_ERRORS as error:
                if isinstance(error, OSError) and error.errno in FAULTS_OF_MACHINES:
                    raise
                raise DataError(
                    f"{self.pictures.name(position)} cannot be used: {error}"
                ) from error
        return torch.from_numpy(images)

    @staticmethod
    def usable(picture: Any) -> Any:
        """Return a decoded picture that has no problem.

        Raises:
            ValueError: its mode is not read.
        """
        if problem := problem_of(picture):
            raise ValueError(f"it {problem}")
        return picture

    def digest(self) -> str:
        """Identify the choice of pictures, by their labels in order and their places."""
        return digest_of(self.labels.cpu().numpy(), *self.pictures.positions())

    def rows(self, positions: torch.Tensor) -> PictureSplit:
        """Return the part of the split at some positions, int64 [B], which rise."""
        positions = positions.cpu()
        return PictureSplit(
            self.pictures.rows(positions.numpy()),
            self.labels[positions.to(self.labels.device)],
            self.resizing,
        )

    def joined(self, other: PictureSplit) -> PictureSplit:
        """Return this split's pictures and another's after them."""
        return PictureSplit(
            self.pictures.joined(other.pictures),
            torch.cat([self.labels, other.labels]),
            self.resizing,
        )

    def to(self, device: torch.device | str) -> PictureSplit:
        """Return the same split with its labels on ``device``."""
        return PictureSplit(self.pictures, self.labels.to(device), self.resizing)
