"""Sample pictures of a data set, as a network takes them before any augmentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from trainers import DataConfig, PixelSettings, central_crop, load_splits
from trainers.data.checks.usable_picture import UnusablePicture, usable_picture
from trainers.data.loading import read_labelled
from trainers.data.network_input import resizing_of
from trainers.data.pictures.pixels import pixels_of

MOST = 40


class Sample(NamedTuple):
    """A picture, uint8 [1 or 3, H, W], and the name of its class."""

    class_name: str
    pixels: npt.NDArray[np.uint8]


def samples_of(config: DataConfig, pixels: PixelSettings) -> list[Sample]:
    """Return up to 40 train images: of evenly spaced classes, as many each, the first ones.

    Pictures that cannot be used are passed over.

    Raises:
        DataError: the set cannot be read.
    """
    if config.is_in_memory:
        splits = load_splits(config, pixels)
        labels, names = splits.train.labels.numpy(), splits.class_names
        places = list(_places(labels))
        images = central_crop(splits.train.pixels(torch.tensor(places)), splits.size)
        return [
            Sample(names[labels[place]], image.numpy())
            for place, image in zip(places, images, strict=True)
        ]
    labelled = read_labelled(config)
    part = labelled.parts["train"]
    resizing = resizing_of(config, pixels)
    samples = []
    for place in _places(part.labels):
        try:
            picture = usable_picture(part, place)
        except UnusablePicture:
            continue
        name = labelled.class_names[part.labels[place]]
        samples.append(Sample(name, pixels_of(picture, resizing)))
    return samples


def _places(labels: npt.NDArray[np.int64]) -> Iterator[int]:
    """Yield the places of the samples, class by class."""
    classes = np.unique(labels)
    shown = classes[np.arange(min(MOST, len(classes))) * len(classes) // min(MOST, len(classes))]
    each = max(1, MOST // len(shown))
    for label in shown:
        yield from np.flatnonzero(labels == label)[:each].tolist()
