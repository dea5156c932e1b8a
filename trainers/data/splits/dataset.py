"""A labelled image set, split for training, validation and the final test."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from trainers.data.splits.labels import (
    are_objects,
    check_labels,
    class_range,
    digest_of_labels,
    joined_labels,
)
from trainers.data.splits.mapped_split import MappedSplit
from trainers.data.splits.picture_split import PictureSplit
from trainers.errors import DataError

MEASURED_IMAGES = 2048
"""Train images whose pixels give mean and deviation, of a set that is not in memory."""


@dataclass(frozen=True, eq=False)
class Split:
    """Images in memory and their labels.

    Attributes:
        images: [N, C, H, W], uint8, 0..255.
        labels: on the same device, see :mod:`trainers.data.splits.labels`.

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
        check_labels(labels, len(images))

    def __len__(self) -> int:
        return len(self.labels)

    def __reduce__(self) -> tuple[Any, ...]:
        """Give NumPy's arrays to pickle, which can share their memory between processes."""
        return _from_arrays, (self.images.cpu().numpy(), self.labels.cpu().numpy())

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of an image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def pixels(self, positions: torch.Tensor) -> torch.Tensor:
        """Return the images at some positions, uint8 [B, C, H, W], on the split's device."""
        return self.images[positions.to(self.images.device)]

    def digest(self) -> str:
        """Identify the choice of images; of images in memory, by their labels in order."""
        return digest_of_labels(self.labels)

    def rows(self, positions: torch.Tensor) -> Split:
        """Return the part of the split at some positions, int64 [B]."""
        return Split(self.pixels(positions), self.labels[positions.to(self.labels.device)])

    def joined(self, other: Split) -> Split:
        """Return this split's images and another's after them."""
        return Split(
            torch.cat([self.images, other.images]), joined_labels(self.labels, other.labels)
        )

    def to(self, device: torch.device | str) -> Split:
        """Return the same split on ``device`` (nothing is copied when it is there already)."""
        return Split(self.images.to(device), self.labels.to(device))


def _from_arrays(images: npt.NDArray[np.uint8], labels: npt.NDArray[Any]) -> Split:
    """Return a split over arrays, also over those that other processes read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return Split(torch.from_numpy(images), torch.from_numpy(labels))


Scale = tuple[tuple[float, ...], tuple[float, ...]]
"""A mean and a deviation, one value a channel, for pixels from 0 to 1."""


AnySplit = Split | MappedSplit | PictureSplit
"""Images in memory, in a mapped file, or pictures that are decoded whenever they are used."""


@dataclass(frozen=True)
class Loading:
    """The way to images that are not in memory.

    Attributes:
        processes: that decode beside the training; 0 decodes in the training's own process; None
            is one a thread of it.
        block_images: neighbouring images that are read near each other in time, see
            :func:`trainers.batches.order.epoch_order`; it changes the order of the images.
    """

    processes: int | None = None
    block_images: int = 1

    def process_count(self) -> int:
        """Return the number of processes that decode beside this one."""
        return torch.get_num_threads() if self.processes is None else self.processes


@dataclass(frozen=True, eq=False)
class ImageSplits:
    """The three splits of one image set. Build it with :meth:`of`.

    Attributes:
        name: of the data set, for messages and results.
        train, validation, test: disjoint; validation and test may be empty.
        classes: number of classes, of images or of objects; they are 0..classes-1.
        class_names: one a class.
        mean, std: one a channel, in pixel units 0..1, over all pixels of the TRAIN images alone;
            over 2,048 of them where they are not in memory.
        size: (height, width) of a network's input, in pixels; images may be larger, of which it
            sees a part.
        left_out: what was not read, and why, a line each.
        loading: the way to images that are not in memory.
        fingerprint: of the whole set's content, see :mod:`trainers.data.fingerprint`.
    """

    name: str
    train: AnySplit
    validation: AnySplit
    test: AnySplit
    classes: int
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: tuple[int, int]
    left_out: tuple[str, ...] = ()
    loading: Loading = Loading()
    fingerprint: str = ""

    @classmethod
    def of(
        cls,
        name: str,
        *,
        train: AnySplit,
        validation: AnySplit,
        test: AnySplit,
        class_names: tuple[str, ...],
        size: tuple[int, int] | None = None,
        left_out: tuple[str, ...] = (),
        loading: Loading = Loading(),
        scale: Scale | None = None,
        fingerprint: str = "",
    ) -> Self:
        """Check the splits against each other and measure the train images.

        ``size`` of None is that of the images. ``scale`` is mean and deviation if they are known.

        Raises:
            DataError: image shapes differ between splits, or the forms of labels; a label has no
                class, there is no train image, a channel is constant over the train images (it
                cannot be normalised), or images are smaller than ``size``.
        """
        classes = len(class_names)
        for split_name, split in (("train", train), ("validation", validation), ("test", test)):
            place = f"data set {name!r}, {split_name} split"
            if split.image_shape != train.image_shape:
                raise DataError(
                    f"{place}: images are [C, H, W] = {list(split.image_shape)}, the train images "
                    f"{list(train.image_shape)}"
                )
            if are_objects(split.labels) != are_objects(train.labels):
                raise DataError(f"{place}: objects and classes cannot be labels of one data set")
            lowest, highest = class_range(split.labels) or (0, 0)
            if not 0 <= lowest <= highest < classes:
                raise DataError(
                    f"{place}: labels must be in 0..{classes - 1}, got {lowest}..{highest}"
                )
        if not len(train):
            raise DataError(f"data set {name!r}: the train split has no images")
        mean, std = scale or _pixel_statistics(train)
        if 0.0 in std:
            raise DataError(
                f"data set {name!r}: channel {std.index(0.0)} has one value in all train images"
            )
        _, height, width = train.image_shape
        size = size or (height, width)
        if height < size[0] or width < size[1]:
            raise DataError(
                f"data set {name!r}: images must be at least as large as a network's input, "
                f"{list(size)} [height, width], got {[height, width]}"
            )
        return cls(
            name,
            train,
            validation,
            test,
            classes,
            tuple(class_names),
            mean,
            std,
            size,
            left_out,
            loading,
            fingerprint,
        )

    @property
    def has_objects(self) -> bool:
        """Whether the labels are objects in the images, and not the images' classes."""
        return are_objects(self.train.labels)

    @property
    def decoding(self) -> str:
        """When the images are decoded, in words, by ``data.decoding``."""
        if isinstance(self.train, Split):
            return "decoded once, in memory"
        if isinstance(self.train, MappedSplit):
            return f"decoded once, in {self.train.file}"
        return "decoded whenever they are used"

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of a network's input."""
        return self.train.image_shape[0], *self.size

    def with_validation_in_train(self) -> Self:
        """Return the same data set with its validation images among those to train on."""
        return self.of(
            self.name,
            train=self.train.joined(self.validation),  # type: ignore[arg-type]
            validation=self.validation.rows(torch.arange(0)),
            test=self.test,
            class_names=self.class_names,
            size=self.size,
            left_out=self.left_out,
            loading=self.loading,
            scale=None if isinstance(self.train, Split) else (self.mean, self.std),
            fingerprint=self.fingerprint,
        )

    def to(self, device: torch.device | str) -> Self:
        """Return the same splits on ``device``."""
        return replace(
            self,
            train=self.train.to(device),
            validation=self.validation.to(device),
            test=self.test.to(device),
        )


def _pixel_statistics(train: AnySplit) -> Scale:
    """Return mean and standard deviation a channel, in 0..1, of uint8 images.

    From a histogram of the 256 values: exact, and no float copy of a large set.
    """
    if isinstance(train, Split):
        images = train.images
    else:
        spread = torch.linspace(0, len(train) - 1, min(len(train), MEASURED_IMAGES))
        images = train.pixels(spread.long())
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
