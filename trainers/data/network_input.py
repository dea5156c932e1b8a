"""The size and scale of a network's input, by a data set and a recipe's settings of pixels."""

from __future__ import annotations

from trainers.data.config import DataConfig
from trainers.data.pictures.resizing import Resizing
from trainers.data.splits.dataset import ImageSplits, Scale
from trainers.errors import DataError
from trainers.recipe.pixels import PixelSettings


def resizing_of(config: DataConfig, pixels: PixelSettings) -> Resizing | None:
    """Return the resizing of a data set's pictures; None where they keep their own size.

    Raises:
        DataError: a crop is asked for, and the size of the network's input is not given.
    """
    size, fraction = config.image_size, pixels.crop_fraction
    if size is None:
        if fraction < 1:
            raise DataError(
                f"data set {config.name!r}: pixels.crop_fraction={fraction} needs data.image_size, "
                "the size of the network's input, got null: set it, or pixels.crop_fraction=1"
            )
        return None
    if fraction == 1:
        return Resizing(size, "fit" if pixels.keep_ratio else "stretch", pixels.interpolation)
    height, width = (round(side / fraction) for side in size)
    return Resizing((height, width), "cover", pixels.interpolation)


def check_pixels(config: DataConfig, splits: ImageSplits, pixels: PixelSettings) -> None:
    """Check that loaded images could be a network's input by another recipe's settings.

    Raises:
        DataError: they could not.
    """
    resizing_of(config, pixels)
    scale_of(splits, pixels)
    check_whole(splits, pixels)


def check_whole(splits: ImageSplits, pixels: PixelSettings) -> None:
    """Check that no object is cropped away where images are evaluated.

    Raises:
        DataError: it could be.
    """
    if splits.has_objects and pixels.crop_fraction < 1:
        raise DataError(
            f"data set {splits.name!r}: pixels.crop_fraction must be 1 for objects in images, "
            f"which a crop would cut away, got {pixels.crop_fraction:g}; pixels.keep_ratio keeps "
            "the ratio of whole pictures"
        )


def scale_of(splits: ImageSplits, pixels: PixelSettings) -> Scale:
    """Return the mean and deviation that a network's input is scaled by.

    They are the recipe's where it gives them, else those of the train images.

    Raises:
        DataError: the recipe's are of another number of channels.
    """
    if pixels.mean is None or pixels.deviation is None:
        return splits.mean, splits.std
    channels = splits.input_shape[0]
    if len(pixels.mean) != channels:
        raise DataError(
            f"data set {splits.name!r}: pixels.mean and pixels.deviation need one value for each "
            f"of the images' channels, which are {channels}, got {list(pixels.mean)} and "
            f"{list(pixels.deviation)}"
        )
    return pixels.mean, pixels.deviation
