"""The batch of images that scores are computed on."""

from __future__ import annotations

from typing import NamedTuple

import torch

from nas.random_streams import Stream, derived_seed
from trainers import DataError, ImageSplits, PixelSettings, central_crop, scale_of

IMAGES = 64
"""Images in a search's batch: more than small data sets have classes."""


class Batch(NamedTuple):
    """Normalised images with their labels, on the CPU."""

    images: torch.Tensor  # [B, C, H, W], float32
    labels: torch.Tensor  # [B], int64


def batch_of(
    splits: ImageSplits, pixels: PixelSettings | None = None, *, seed: int, images: int = IMAGES
) -> Batch:
    """Choose random train images, none twice, normalised but not augmented.

    Args:
        splits: the data, on the CPU.
        pixels: the recipe's settings of the network's input; None for the defaults.
        seed: of the choice.
        images: how many; all, if there are fewer.

    Raises:
        DataError: the images have objects in boxes.
    """
    if splits.has_objects:
        raise DataError(
            f"data set {splits.name!r} has objects in boxes: scores before training are of "
            "classifiers, and need a label for each image"
        )
    generator = torch.Generator().manual_seed(derived_seed(seed, Stream.SCORED_IMAGES))
    chosen = torch.randperm(len(splits.train), generator=generator)[:images]
    scale = scale_of(splits, pixels or PixelSettings())
    mean, std = (torch.tensor(figures)[:, None, None] for figures in scale)
    levels = central_crop(splits.train.pixels(chosen), splits.size).float().div(255)
    return Batch((levels - mean) / std, splits.train.labels[chosen])
