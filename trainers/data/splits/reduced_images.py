"""Fewer and smaller images: cheaper training whose ranking of networks should stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F

from trainers.boxes import scaled
from trainers.data.splits.choice import stratified
from trainers.data.splits.dataset import AnySplit, ImageSplits, Split
from trainers.data.splits.labels import are_objects, strata
from trainers.data.splits.mapped_split import MappedSplit
from trainers.data.splits.picture_split import PictureSplit
from trainers.errors import DataError

IMAGES_AT_ONCE = 1024


def reduced(
    splits: ImageSplits,
    *,
    train_images: int | None = None,
    resolution: int | None = None,
    seed: int = 0,
) -> ImageSplits:
    """Return the same data set with part of its train images, or all images smaller.

    Validation and test images stay as many. Pixel statistics are those of the new train images;
    of pictures on disk they stay.

    Args:
        splits: the whole.
        train_images: how many are kept, the classes in proportion; None keeps all.
        resolution: pixels of the network's input's shorter side, the other in proportion, and so
            the images' (anti-aliased bilinear resizing; pictures on disk are resized as they are
            decoded); None keeps the size.
        seed: of the choice of train images, 0 or more; a larger choice holds no smaller one.

    Raises:
        DataError: more images or pixels than there are, or too few to hold every class.
    """
    train = splits.train
    left_out = splits.left_out
    if train_images is not None:
        if train_images > len(train):
            raise DataError(
                f"data set {splits.name!r}: train_images={train_images} exceeds the "
                f"{len(train)} images of the train split"
            )
        labels = strata(train.labels).cpu().numpy()
        choice = stratified(
            np.arange(len(labels)), labels, train_images, seed, splits.name, "train"
        )
        train = train.rows(torch.from_numpy(np.sort(choice.chosen)))
        left_out += (choice.note,) if choice.note else ()
    validation, test = splits.validation, splits.test
    size = splits.size
    if resolution is not None:
        shorter = min(size)
        if resolution > shorter:
            raise DataError(
                f"data set {splits.name!r}: resolution={resolution} exceeds the {shorter} pixels "
                "of the images' shorter side"
            )
        size = resized_hw(size, resolution)
        height, width = (
            round(stored * new / old)
            for stored, new, old in zip(train.image_shape[1:], size, splits.size, strict=True)
        )
        train, validation, test = (
            _resized(split, (height, width)) for split in (train, validation, test)
        )
    return ImageSplits.of(
        splits.name,
        train=train,
        validation=validation,
        test=test,
        class_names=splits.class_names,
        size=size,
        left_out=left_out,
        loading=splits.loading,
        fingerprint=splits.fingerprint,
        scale=None if isinstance(train, Split) else (splits.mean, splits.std),
    )


def resized_hw(hw: tuple[int, int], resolution: int) -> tuple[int, int]:
    """Return (height, width) in pixels with a shorter side of ``resolution``."""
    height, width = (round(side * resolution / min(hw)) for side in hw)
    return height, width


def _resized(split: AnySplit, size: tuple[int, int]) -> AnySplit:
    if isinstance(split, PictureSplit):
        return split.resized(replace(split.resizing, size=size))
    if isinstance(split, MappedSplit):
        raise DataError(
            "images of data.cache have one size: set data.image_size in place of a resolution, or "
            "no cache"
        )
    channels = split.images.shape[1]
    images = split.images.new_empty((len(split), channels, *size))
    for first in range(0, len(split), IMAGES_AT_ONCE):
        part = slice(first, first + IMAGES_AT_ONCE)
        pixels = F.interpolate(split.images[part].float(), size, mode="bilinear", antialias=True)
        images[part] = pixels.round().clamp(0, 255).to(torch.uint8)
    return Split(images, _labels_of_resized(split, size))


def _labels_of_resized(split: Split, size: tuple[int, int]) -> torch.Tensor:
    """Return the labels of images that are resized; boxes become larger or smaller with them."""
    if not are_objects(split.labels):
        return split.labels
    _, height, width = split.image_shape
    return scaled(split.labels, torch.tensor([size[1] / width, size[0] / height]))
