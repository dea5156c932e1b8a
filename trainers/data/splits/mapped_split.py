"""Images in a file that is mapped into memory: read by the page, and never held whole."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from trainers.data.splits.labels import digest_of_labels, joined_labels
from trainers.errors import DataError


@dataclass(frozen=True, eq=False)
class MappedSplit:
    """Some images of a file, and their labels.

    Attributes:
        file: uint8, [count, C, H, W].
        count: of the file's images.
        image_shape: (C, H, W).
        positions: int64 [N], the split's images in the file.
        labels: N of them, see :mod:`trainers.data.splits.labels`.

    Raises:
        DataError: the file is missing or has another size.
    """

    file: Path
    count: int
    image_shape: tuple[int, int, int]
    positions: torch.Tensor
    labels: torch.Tensor

    def __post_init__(self) -> None:
        size = self.count * math.prod(self.image_shape)
        if not self.file.is_file() or self.file.stat().st_size != size:
            raise DataError(f"{self.file} is missing here, or does not have {size:,} bytes")

    def __len__(self) -> int:
        return len(self.labels)

    def pixels(self, positions: torch.Tensor) -> torch.Tensor:
        """Return the images at some positions of the split, uint8 [B, C, H, W], on the CPU."""
        if not len(positions):
            return torch.zeros((0, *self.image_shape), dtype=torch.uint8)
        shape = (self.count, *self.image_shape)
        images = np.memmap(self.file, np.uint8, "r", shape=shape)
        return torch.from_numpy(images[self.positions[positions.cpu()].numpy()])

    def digest(self) -> str:
        """Identify the choice of images, as images in memory do: by their labels in order."""
        return digest_of_labels(self.labels)

    def rows(self, positions: torch.Tensor) -> MappedSplit:
        """Return the part of the split at some positions, int64 [B]."""
        return replace(
            self,
            positions=self.positions[positions.cpu()],
            labels=self.labels[positions.to(self.labels.device)],
        )

    def joined(self, other: MappedSplit) -> MappedSplit:
        """Return this split's images and another's of the same file after them."""
        return replace(
            self,
            positions=torch.cat([self.positions, other.positions]),
            labels=joined_labels(self.labels, other.labels),
        )

    def to(self, device: torch.device | str) -> MappedSplit:
        """Return the same split with its labels on ``device``."""
        return replace(self, labels=self.labels.to(device))
