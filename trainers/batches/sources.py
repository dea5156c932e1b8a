"""Sources of uint8 images: a split that is decoded, or processes that decode one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch

from trainers.augmentation.settings import ResizedCrop
from trainers.data.pictures.decoding_processes import CHUNK_IMAGES, DecodedChunks
from trainers.data.splits.dataset import Split
from trainers.data.splits.mapped_split import MappedSplit
from trainers.data.splits.picture_split import PictureSplit
from trainers.data.splits.random_crop import RandomCrop

Pixels = tuple[int, torch.Tensor, torch.Tensor]
"""An epoch, images uint8 [B, C, H, W], and their positions int64 [B] in the split."""


class DecodedBefore:
    """Images of a split in memory, on its device, or in a mapped file.

    Attributes:
        waited_seconds: 0, nothing is waited for.
    """

    def __init__(self, split: Split | MappedSplit) -> None:
        self._split = split
        self.waited_seconds = 0.0

    def training(self, wanted: Iterable[tuple[int, torch.Tensor]]) -> Iterator[Pixels]:
        """Yield the images of epochs and positions."""
        for epoch, positions in wanted:
            yield epoch, self._split.pixels(positions), positions


class DecodedBeside:
    """Images of a split on disk, decoded in processes of their own.

    Args:
        split: the pictures.
        crop: the random crop to decode; None decodes whole pictures, resized.
        size: (height, width) of crops, in pixels.
        seed: of the training.
        processes: that decode; 0 decodes in the training's own.
        pinned: see :class:`trainers.data.pictures.decoding_processes.DecodedChunks`.

    Attributes:
        waited_seconds: the time that :meth:`training` has waited.
    """

    def __init__(
        self,
        split: PictureSplit,
        crop: ResizedCrop | None,
        size: tuple[int, int],
        *,
        seed: int,
        processes: int,
        pinned: bool,
    ) -> None:
        self._split = split
        self._crop = None if crop is None else RandomCrop(crop, size, seed)
        self._processes = processes
        self._pinned = pinned
        self.waited_seconds = 0.0

    def training(self, wanted: Iterable[tuple[int, torch.Tensor]]) -> Iterator[Pixels]:
        """Yield the images of epochs and positions; they are decoded some chunks ahead.

        Raises:
            DataError, LoaderLost: as :class:`.DecodedChunks` says.
        """
        ahead: list[tuple[int, torch.Tensor]] = []

        def chunks() -> Iterator[tuple[int, torch.Tensor]]:
            for epoch, positions in wanted:
                ahead.append((epoch, positions))
                for part in positions.split(CHUNK_IMAGES):
                    yield epoch, part

        decoded = DecodedChunks(
            self._decoded, chunks(), processes=self._processes, pinned=self._pinned
        )
        for first in decoded:
            epoch, positions = ahead.pop(0)
            missing = len(positions.split(CHUNK_IMAGES)) - 1
            parts = [first, *(next(decoded) for _ in range(missing))]
            self.waited_seconds += decoded.waited_seconds
            decoded.waited_seconds = 0.0
            yield epoch, parts[0] if len(parts) == 1 else torch.cat(parts), positions

    def _decoded(self, wanted: tuple[int, torch.Tensor]) -> torch.Tensor:
        epoch, positions = wanted
        if self._crop is None:
            return self._split.pixels(positions)
        return self._crop.pixels(self._split, positions, epoch)
