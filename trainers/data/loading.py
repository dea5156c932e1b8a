"""Load the images that a configuration names, from whatever source they come."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from trainers.data.config import DataConfig
from trainers.data.digits import load_digits
from trainers.data.fingerprint import fingerprint_of_splits
from trainers.data.generated.loading import load_generated
from trainers.data.network_input import check_whole, resizing_of, scale_of
from trainers.data.own_function import load_own
from trainers.data.sources.coco import read_coco
from trainers.data.sources.hugging_face import read_tables
from trainers.data.sources.image_folder import read_image_folder
from trainers.data.sources.imagenet import read_imagenet
from trainers.data.sources.labelled_set import LabelledSet
from trainers.data.sources.tar_shards import read_tar_shards
from trainers.data.splits.dataset import ImageSplits
from trainers.data.splitting import split_labelled
from trainers.errors import DataError
from trainers.recipe.pixels import PixelSettings


def load_splits(config: DataConfig, pixels: PixelSettings | None = None) -> ImageSplits:
    """Load the images that ``config`` names, on the CPU, or find them on disk.

    Args:
        config: the images.
        pixels: a recipe's settings of the network's input; None for the defaults.

    Raises:
        DataError: the data cannot be found, read or split as asked, or do not fit ``pixels``.
    """
    pixels = pixels or PixelSettings()
    resizing = resizing_of(config, pixels)
    if config.is_own:
        splits = load_own(config)
    elif config.is_generated:
        splits = load_generated(config)
    elif config.is_in_memory:
        splits = load_digits(config)
    else:
        scale = None
        if pixels.mean is not None and pixels.deviation is not None:
            scale = (pixels.mean, pixels.deviation)
        splits = split_labelled(read_labelled(config), config, resizing, scale)
    scale_of(splits, pixels)
    check_whole(splits, pixels)
    if not splits.fingerprint:  # of a set that is made in memory
        splits = replace(splits, fingerprint=fingerprint_of_splits(splits))
    return splits


def read_labelled(config: DataConfig) -> LabelledSet:
    """Find the parts, classes and images of a set that is not made in memory; decode none.

    Raises:
        DataError: it cannot be found or read; problems of its classes are in what is returned.
    """
    assert not config.is_in_memory
    if config.name == "imagenet":
        return read_imagenet(config)
    if config.name == "coco":
        return read_coco(config)
    if config.name == "tar_shards":
        return read_tar_shards(config)
    if config.name != "image_folder":
        return read_tables(config)
    assert config.path is not None
    root = Path(config.path).expanduser()
    if not root.is_dir():
        is_there = "is no folder" if root.exists() else "does not exist"
        raise DataError(f"data set {config.name!r}: the path {config.path!r} {is_there}")
    return read_image_folder(root, config.name, config.test_part)
