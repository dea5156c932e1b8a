"""From decoded pictures of any mode to one uint8 array."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from trainers.errors import DataError

GREY_MODES = ("1", "L")
COLOUR_MODES = ("LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")


def decode_images(
    pictures: Iterable[Any], count: int, image_size: tuple[int, int] | None, place: str
) -> npt.NDArray[np.uint8]:
    """Stack pictures as [N, C, H, W], C = 1 if all of them are grey and 3 otherwise.

    Args:
        pictures: PIL images; bilinear resizing to ``image_size`` is anti-aliased.
        count: how many there are.
        image_size: (height, width) in pixels, or None where all pictures have one size.
        place: opens every message.

    Returns:
        [count, C, H, W]; without pictures and image_size, H = W = 0.

    Raises:
        DataError: a picture is missing or damaged, has more than 8 bits a channel, or another
            size than the first one while ``image_size`` is None.
    """
    height, width = image_size or (0, 0)
    stacked = np.empty((count, 1, height, width), np.uint8)
    iterator = iter(pictures)
    for position in range(count):
        try:
            picture = next(iterator)
        except (OSError, ValueError, SyntaxError) as error:  # all three by Pillow's decoders
            raise DataError(f"{place}: chosen image {position} is damaged: {error}") from error
        pixels = _pixels(picture, image_size, f"{place}: chosen image {position}")
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
    """[N, 1 or 3, H, W] as [N, 3, H, W]."""
    return images if images.shape[1] == 3 else np.repeat(images, 3, axis=1)


def _pixels(picture: Any, image_size: tuple[int, int] | None, place: str) -> npt.NDArray[np.uint8]:
    """One picture as [1 or 3, H, W]."""
    from PIL import Image  # noqa: PLC0415

    if picture is None:
        raise DataError(f"{place} is missing")
    if picture.mode not in GREY_MODES + COLOUR_MODES:
        raise DataError(
            f"{place} has Pillow mode {picture.mode!r}; 8 bits a channel are read, modes "
            f"{', '.join(GREY_MODES + COLOUR_MODES)}"
        )
    picture = picture.convert("L" if picture.mode in GREY_MODES else "RGB")
    if image_size is not None and picture.size != image_size[::-1]:
        picture = picture.resize(image_size[::-1], Image.Resampling.BILINEAR)
    pixels = np.asarray(picture)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
