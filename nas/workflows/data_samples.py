"""Sample pictures of a data set, as a network takes them before any augmentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from trainers import DataConfig, ImageSplits, PixelSettings, central_crop, load_splits
from trainers.data.checks.usable_picture import UnusablePicture, usable_picture
from trainers.data.loading import read_labelled
from trainers.data.network_input import resizing_of
from trainers.data.pictures.pixels import pixels_of
from trainers.data.splits.labels import are_objects
from trainers.data.splits.picture_split import resized_objects

MOST = 40
MOST_WITH_OBJECTS = 8


class Sample(NamedTuple):
    """A picture and what is in it.

    Attributes:
        name: of its class, or of the picture itself where it has objects.
        pixels: uint8 [1 or 3, H, W].
        objects: float32 [M, 6], in these pixels; None where labels are classes.
    """

    name: str
    pixels: npt.NDArray[np.uint8]
    objects: torch.Tensor | None = None


class Samples(NamedTuple):
    """Samples of a data set, and the names of its classes."""

    samples: list[Sample]
    class_names: tuple[str, ...]


def samples_of(config: DataConfig, pixels: PixelSettings) -> Samples:
    """Return up to 40 train images: of evenly spaced classes, as many each, the first ones.

    Where labels are objects, they are 8 evenly spaced images, with their objects.

    Pictures that cannot be used are passed over.

    Raises:
        DataError: the set cannot be read.
    """
    if config.is_in_memory:
        return _of_splits(load_splits(config, pixels))
    labelled = read_labelled(config)
    part, names = labelled.parts["train"], labelled.class_names
    resizing = resizing_of(config, pixels)
    samples = []
    for place in _places(torch.from_numpy(part.labels)):
        try:
            picture = usable_picture(part, place)
        except UnusablePicture:
            continue
        shown = pixels_of(picture, resizing)
        if part.hw is None:
            samples.append(Sample(names[part.labels[place]], shown))
            continue
        rows = slice(place, place + 1)
        objects, hw = (torch.from_numpy(each[rows]) for each in (part.labels, part.hw))
        objects = resized_objects(objects, hw, resizing)[0]
        samples.append(Sample(part.pictures.name(place), shown, objects))
    return Samples(samples, names)


def _of_splits(splits: ImageSplits) -> Samples:
    """Return samples of images in memory."""
    labels, names = splits.train.labels, splits.class_names
    places = _places(labels)
    images = central_crop(splits.train.pixels(torch.tensor(places)), splits.size)
    if splits.has_objects:
        called = [f"train image {place}" for place in places]
        objects: list[torch.Tensor | None] = [labels[place] for place in places]
    else:
        called = [names[labels[place]] for place in places]
        objects = [None] * len(places)
    return Samples(
        [Sample(*each) for each in zip(called, images.numpy(), objects, strict=True)], names
    )


def _places(labels: torch.Tensor) -> list[int]:
    """Return the places of the samples: class by class, or evenly spaced."""
    if not are_objects(labels):
        return list(_places_of_classes(labels.numpy()))
    count = min(MOST_WITH_OBJECTS, len(labels))
    return (np.arange(count) * len(labels) // max(count, 1)).tolist()


def _places_of_classes(labels: npt.NDArray[np.int64]) -> Iterator[int]:
    """Yield the places of the samples, class by class."""
    classes = np.unique(labels)
    shown = classes[np.arange(min(MOST, len(classes))) * len(classes) // min(MOST, len(classes))]
    each = max(1, MOST // len(shown))
    for label in shown:
        yield from np.flatnonzero(labels == label)[:each].tolist()
