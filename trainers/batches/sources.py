"""Sources of uint8 images: a split that is decoded, or processes that decode one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch

from trainers.augmentation.settings import Crop
from trainers.data.pictures.decoding_processes import CHUNK_IMAGES, DecodedChunks
from trainers.data.splits.dataset import Split
from trainers.data.splits.mapped_split import MappedSplit
from trainers.data.splits.picture_split import PictureSplit
from trainers.data.splits.random_crop import RandomCrop
from trainers.stopwatch import Stopwatch

Pixels = tuple[int, torch.Tensor, torch.Tensor]
"""An epoch, images uint8 [B, C, H, W], and their positions int64 [B] in the split."""


class DecodedBefore:
    """Images of a split in memory, on its device, or in a mapped file.

    Args:
        split: the images.
        stopwatch: measures the reading, as ``loading``.
    """

    def __init__(self, split: Split | MappedSplit, stopwatch: Stopwatch) -> None:
        self._split = split
        self._stopwatch = stopwatch

    def training(self, wanted: Iterable[tuple[int, torch.Tensor]]) -> Iterator[Pixels]:
        """Yield the images of epochs and positions."""
        for epoch, positions in wanted:
            with self._stopwatch.measuring("loading"):
                pixels = self._split.pixels(positions)
            yield epoch, pixels, positions


class DecodedBeside:
    """Images of a split on disk, decoded in processes of their own.

    Args:
        split: the pictures.
        crop: the random crop to decode; None decodes whole pictures, resized.
        size: (height, width) of crops, in pixels.
        seed: of the training.
        processes: that decode; 0 decodes in the training's own.
        pinned: see :class:`trainers.data.pictures.decoding_processes.DecodedChunks`.
        stopwatch: measures the start of the processes and the wait for them, as ``loading``.
    """

    def __init__(
        self,
        split: PictureSplit,
        crop: Crop | None,
        size: tuple[int, int],
        *,
        seed: int,
        processes: int,
        pinned: bool,
        stopwatch: Stopwatch,
    ) -> None:
        self._split = split
        self._crop = None if crop is None else RandomCrop(crop, size, seed)
        self._processes = processes
        self._pinned = pinned
        self._stopwatch = stopwatch

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

        with self._stopwatch.measuring("loading"):
            decoded = DecodedChunks(
                self._decoded, chunks(), processes=self._processes, pinned=self._pinned
            )
        while True:
            with self._stopwatch.measuring("loading"):
                first = next(decoded, None)
                if first is None:
                    return
                epoch, positions = ahead.pop(0)
                missing = len(positions.split(CHUNK_IMAGES)) - 1
                parts = [first, *(next(decoded) for _ in range(missing))]
            yield epoch, parts[0] if len(parts) == 1 else torch.cat(parts), positions

    def _decoded(self, wanted: tuple[int, torch.Tensor]) -> torch.Tensor:
        epoch, positions = wanted
        if self._crop is None:
            return self._split.pixels(positions)
        return self._crop.pixels(self._split, positions, epoch)
