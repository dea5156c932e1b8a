"""Pictures on disk with their labels, decoded whenever they are used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from trainers.boxes import scaled
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
from trainers.data.splits.labels import joined_labels, label_numbers
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
        labels: N of them, see :mod:`trainers.data.splits.labels`; objects lie in resized images.
        resizing: of every picture, where no random part of it is cut out.
        hw: int64 [N, 2], height and width of the pictures as they are stored and upright, in
            pixels; None where labels are classes.
    """

    pictures: JoinedPictures
    labels: torch.Tensor
    resizing: Resizing
    hw: torch.Tensor | None = None

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
        return digest_of(*label_numbers(self.labels), *self.pictures.positions())

    def rows(self, positions: torch.Tensor) -> PictureSplit:
        """Return the part of the split at some positions, int64 [B], which rise."""
        positions = positions.cpu()
        return PictureSplit(
            self.pictures.rows(positions.numpy()),
            self.labels[positions.to(self.labels.device)],
            self.resizing,
            None if self.hw is None else self.hw[positions],
        )

    def joined(self, other: PictureSplit) -> PictureSplit:
        """Return this split's pictures and another's after them."""
        return PictureSplit(
            self.pictures.joined(other.pictures),
            joined_labels(self.labels, other.labels),
            self.resizing,
            None if self.hw is None or other.hw is None else torch.cat([self.hw, other.hw]),
        )

    def to(self, device: torch.device | str) -> PictureSplit:
        """Return the same split with its labels on ``device``."""
        return replace(self, labels=self.labels.to(device))

    def resized(self, resizing: Resizing) -> PictureSplit:
        """Return the same pictures in another size; boxes become larger or smaller with them."""
        labels = self.labels
        if self.hw is not None:
            labels = resized_objects(self.objects_in_pictures(labels, self.hw), self.hw, resizing)
        return replace(self, labels=labels, resizing=resizing)

    def objects_in_pictures(self, objects: torch.Tensor, hw: torch.Tensor) -> torch.Tensor:
        """Return objects [B, M, 6] of resized images in the pixels of the stored pictures.

        Args:
            objects: of some images.
            hw: int64 [B, 2], their pictures' height and width.
        """
        return scaled(objects, 1 / factors_of(hw, self.resizing).to(objects.device))


def resized_objects(
    objects: torch.Tensor, hw: torch.Tensor, resizing: Resizing | None
) -> torch.Tensor:
    """Return the objects [N, M, 6] of pictures in the pixels of the resized images.

    Args:
        objects: in the pixels of the pictures.
        hw: int64 [N, 2], the pictures' height and width.
        resizing: that crops nothing; None leaves the pictures as they are.
    """
    if resizing is None:
        return objects
    return scaled(objects, factors_of(hw, resizing))


def factors_of(hw: torch.Tensor, resizing: Resizing) -> torch.Tensor:
    """Return by how much pictures of [N, 2] become wider and higher, float32 [N, 2]."""
    factors = [resizing.factors(height, width) for height, width in hw.tolist()]
    return torch.tensor(factors).reshape(-1, 2)
