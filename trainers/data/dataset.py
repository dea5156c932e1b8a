"""A labelled image set in memory, split for training, validation and the final test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import torch

from trainers.errors import DataError


@dataclass(frozen=True, eq=False)
class Split:
    """Images and their labels.

    Attributes:
        images: [N, C, H, W], uint8, 0..255.
        labels: [N], int64, on the same device.

    Raises:
        DataError: other shapes or types than these.
    """

    images: torch.Tensor
    labels: torch.Tensor

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.ndim != 4 or images.dtype != torch.uint8:
            raise DataError(
                f"images must be uint8 [N, C, H, W], got {images.dtype} {list(images.shape)}"
            )
        if labels.shape != images.shape[:1] or labels.dtype != torch.int64:
            raise DataError(
                f"labels must be int64 [{len(images)}], got {labels.dtype} {list(labels.shape)}"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> Split:
        """Return the same split on ``device`` (nothing is copied when it is there already)."""
        return Split(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True, eq=False)
class ImageSplits:
    """The three splits of one image set. Build it with :meth:`of`.

    Attributes:
        name: of the data set, for messages and results.
        train, validation, test: disjoint; validation and test may be empty.
        classes: number of classes; labels are 0..classes-1.
        class_names: one a class.
        mean, std: one a channel, in pixel units 0..1, over all pixels of the TRAIN images alone.
        size: (height, width) of a network's input, in pixels; images may be larger, of which it
            sees a part.
        left_out: what was not read, and why, a line each.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    classes: int
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: tuple[int, int]
    left_out: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        name: str,
        *,
        train: Split,
        validation: Split,
        test: Split,
        class_names: tuple[str, ...],
        size: tuple[int, int] | None = None,
        left_out: tuple[str, ...] = (),
    ) -> Self:
        """Check the splits against each other and measure the train images.

        ``size`` of None is that of the images.

        Raises:
            DataError: image shapes differ between splits, a label has no class, there is no train
                image, a channel is constant over the train images (it cannot be normalised), or
                images are smaller than ``size``.
        """
        classes = len(class_names)
        for split_name, split in (("train", train), ("validation", validation), ("test", test)):
            place = f"data set {name!r}, {split_name} split"
            if split.images.shape[1:] != train.images.shape[1:]:
                raise DataError(
                    f"{place}: images are [C, H, W] = {list(split.images.shape[1:])}, the train "
                    f"images {list(train.images.shape[1:])}"
                )
            if len(split) and not 0 <= int(split.labels.min()) <= int(split.labels.max()) < classes:
                raise DataError(
                    f"{place}: labels must be in 0..{classes - 1}, got "
                    f"{int(split.labels.min())}..{int(split.labels.max())}"
                )
        if not len(train):
            raise DataError(f"data set {name!r}: the train split has no images")
        mean, std = _pixel_statistics(train.images)
        if 0.0 in std:
            raise DataError(
                f"data set {name!r}: channel {std.index(0.0)} has one value in all train images"
            )
        height, width = train.images.shape[2:]
        size = size or (height, width)
        if height < size[0] or width < size[1]:
            raise DataError(
                f"data set {name!r}: images must be at least as large as a network's input, "
                f"{list(size)} [height, width], got {[height, width]}"
            )
        return cls(
            name, train, validation, test, classes, tuple(class_names), mean, std, size, left_out
        )

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of a network's input."""
        return self.train.images.shape[1], *self.size

    def with_validation_in_train(self) -> Self:
        """Return the same data set with its validation images among those to train on."""
        both = (self.train, self.validation)
        return self.of(
            self.name,
            train=Split(
                torch.cat([split.images for split in both]),
                torch.cat([split.labels for split in both]),
            ),
            validation=Split(self.validation.images[:0], self.validation.labels[:0]),
            test=self.test,
            class_names=self.class_names,
            size=self.size,
            left_out=self.left_out,
        )

    def to(self, device: torch.device | str) -> Self:
        """Return the same splits on ``device``."""
        return replace(
            self,
            train=self.train.to(device),
            validation=self.validation.to(device),
            test=self.test.to(device),
        )


def _pixel_statistics(images: torch.Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation a channel, in 0..1, of [N, C, H, W] uint8.

    From a histogram of the 256 values: exact, and no float copy of a large set.
    """
    levels = torch.arange(256, dtype=torch.float64) / 255
    means, deviations = [], []
    for channel in range(images.shape[1]):
        counts = torch.zeros(256, dtype=torch.int64)
        for chunk in images[:, channel].split(4096):
            counts += torch.bincount(chunk.flatten(), minlength=256).cpu()
        weights = counts.double() / counts.sum()
        mean = (weights * levels).sum()
        means.append(mean.item())
        deviations.append((weights * (levels - mean).square()).sum().sqrt().item())
    return tuple(means), tuple(deviations)
