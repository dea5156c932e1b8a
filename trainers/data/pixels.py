"""Pixels: one uint8 array, from decoded pictures of any mode."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from trainers.data.resizing import Resizing
from trainers.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

GREY_MODES = ("1", "L")
COLOUR_MODES = ("LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
DECODER_ERRORS = (OSError, ValueError, SyntaxError)
"""Exceptions of Pillow's decoders, beside DecompressionBombError above 179 million pixels."""


def decode_images(
    pictures: Iterable[Any], count: int, resizing: Resizing | None, place: str
) -> npt.NDArray[np.uint8]:
    """Stack pictures as [N, C, H, W], C = 1 if all of them are grey and 3 otherwise.

    Args:
        pictures: PIL images.
        count: how many there are.
        resizing: of the pictures; None where all of them have one size.
        place: opens every message.

    Returns:
        [count, C, H, W]; without pictures and resizing, H = W = 0.

    Raises:
        DataError: a picture is missing or damaged, has more than 8 bits a channel, or another
            size than the first one while ``resizing`` is None.
    """
    from PIL import Image  # noqa: PLC0415

    height, width = resizing.size if resizing else (0, 0)
    stacked = np.empty((count, 1, height, width), np.uint8)
    iterator = iter(pictures)
    for position in range(count):
        try:
            picture = next(iterator)
        except (*DECODER_ERRORS, Image.DecompressionBombError) as error:
            raise DataError(f"{place}: chosen image {position} is damaged: {error}") from error
        pixels = picture_pixels(picture, resizing, f"{place}: chosen image {position}")
        if position == 0:
            stacked = np.empty((count, *pixels.shape), np.uint8)
        if pixels.shape[1:] != stacked.shape[2:]:
            raise DataError(
                f"{place}: images differ in size ({list(stacked.shape[2:])} and "
                f"{list(pixels.shape[1:])}, [height, width]); set image_size to resize them"
            )
        if pixels.shape[0] > stacked.shape[1]:
            stacked = to_colour(stacked)
        stacked[position] = pixels  # one grey channel is repeated
    return stacked


def to_colour(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return [N, 1 or 3, H, W] as [N, 3, H, W]."""
    return images if images.shape[1] == 3 else np.repeat(images, 3, axis=1)


def open_picture(path: str | Path) -> Image.Image:
    """Decode an image file and turn it upright by its EXIF orientation.

    Data sets are decoded in the same way (by ``datasets.Image``).

    Raises:
        DataError: no such file, or it cannot be decoded.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError  # noqa: PLC0415

    if not os.path.isfile(path):  # (it is False, not an error, for names that no file can have)
        raise DataError(f"{path}: {'not a file' if os.path.exists(path) else 'no such file'}")
    try:
        with Image.open(path) as opened:
            return ImageOps.exif_transpose(opened)
    except UnidentifiedImageError:
        raise DataError(f"{path} is not an image of a format that Pillow reads") from None
    except (*DECODER_ERRORS, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as an image: {error}") from error


def picture_pixels(picture: Any, resizing: Resizing | None, place: str) -> npt.NDArray[np.uint8]:
    """Return the pixels of one PIL image.

    Args:
        picture: the image; None is refused as missing.
        resizing: of the image; None keeps its size.
        place: opens every message.

    Returns:
        [1 or 3, H, W]: 1 where the image is grey.

    Raises:
        DataError: it is missing, damaged, or has more than 8 bits a channel.
    """
    if picture is None:
        raise DataError(f"{place} is missing")
    if picture.mode not in GREY_MODES + COLOUR_MODES:
        raise DataError(
            f"{place} has Pillow mode {picture.mode!r}; 8 bits a channel are read, modes "
            f"{', '.join(GREY_MODES + COLOUR_MODES)}"
        )
    picture = picture.convert("L" if picture.mode in GREY_MODES else "RGB")
    pixels = np.asarray(picture if resizing is None else resizing(picture))
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
