"""Pixels: uint8 arrays of decoded pictures of any mode."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from trainers.data.pictures.resizing import Resizing
from trainers.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

PictureFile = str | Path | io.BytesIO
"""A file as Pillow opens it: a path, or the bytes."""

GREY_MODES = ("1", "L")
DEEP_MODES = ("I;16", "I;16B", "I;16L", "I")
COLOUR_MODES = ("LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
CONVERSIONS = {
    **dict.fromkeys(GREY_MODES, "one grey channel"),
    **dict.fromkeys(DEEP_MODES, "one grey channel, value / 257 rounded"),
    **dict.fromkeys(COLOUR_MODES, "red, green, blue"),
    **dict.fromkeys(("LA", "PA", "RGBA"), "red, green, blue; composed on white"),
}
"""Pillow's modes, and how a picture of each is read; others are refused."""

HIGHEST_DEEP_VALUE = 2**16 - 1
ORIENTATION = 0x0112
"""EXIF's tag of a picture's orientation."""
ON_ITS_SIDE = (5, 6, 7, 8)
"""Its values with which width and height change places."""
BACKGROUND = (255, 255, 255)
"""The colour on which transparent pixels are composed, as red, green, blue in 0..255."""

DECODER_ERRORS = (OSError, ValueError, SyntaxError)
"""Exceptions of Pillow's decoders, of :func:`decoded_upright`."""


def image_suffixes() -> frozenset[str]:
    """Return the suffixes of all formats that Pillow reads here, in lower case: ``.png``, ..."""
    from PIL import Image  # noqa: PLC0415 (slow to import)

    known = Image.registered_extensions()
    return frozenset(suffix for suffix, kind in known.items() if kind in Image.OPEN)


def to_colour(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return [N, 1 or 3, H, W] as [N, 3, H, W]."""
    return images if images.shape[1] == 3 else np.repeat(images, 3, axis=1)


def decoded_upright(file: PictureFile, mode: str | None = None) -> Image.Image:
    """Decode an image file and turn it upright by its EXIF orientation.

    Args:
        file: the image.
        mode: of Pillow, to which the data set says to convert it; None keeps the file's.

    Raises:
        OSError, ValueError, SyntaxError: it cannot be decoded.
    """
    from PIL import Image, ImageOps  # noqa: PLC0415

    try:
        with Image.open(file) as opened:
            upright = ImageOps.exif_transpose(opened)
            if mode not in (None, upright.mode):
                upright = upright.convert(mode)
            upright.format = opened.format  # a copy has none
            return upright
    except Image.DecompressionBombError as error:
        raise ValueError(error) from error


def open_picture(path: str | Path) -> Image.Image:
    """Decode an image file as those of a data set are decoded.

    Raises:
        DataError: no such file, or it cannot be decoded.
    """
    from PIL import UnidentifiedImageError  # noqa: PLC0415

    if not os.path.isfile(path):  # (it is False, not an error, for names that no file can have)
        raise DataError(f"{path}: {'not a file' if os.path.exists(path) else 'no such file'}")
    try:
        return decoded_upright(path)
    except UnidentifiedImageError:
        raise DataError(f"{path} is not an image of a format that Pillow reads") from None
    except DECODER_ERRORS as error:
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
        DataError: it is missing, or no conversion is stated for its mode or values.
    """
    if problem := problem_of(picture):
        raise DataError(f"{place} {problem}")
    return pixels_of(picture, resizing)


def problem_of(picture: Any) -> str:
    """Return why a decoded picture cannot be used, after its name; empty if it can."""
    if picture is None:
        return "is missing"
    if picture.mode not in CONVERSIONS:
        return (
            f"has Pillow mode {picture.mode!r}, for which no conversion is stated; the modes that "
            f"are read: {', '.join(CONVERSIONS)}"
        )
    if picture.mode == "I":
        low, high = picture.getextrema()
        if low < 0 or high > HIGHEST_DEEP_VALUE:
            return (
                f"has values {low} to {high}; in Pillow mode 'I' those of 16 bits are read, 0 to "
                f"{HIGHEST_DEEP_VALUE}"
            )
    return ""


def pixels_of(picture: Any, resizing: Resizing | None) -> npt.NDArray[np.uint8]:
    """Return [1 or 3, H, W] of a picture without a problem; see :func:`picture_pixels`."""
    converted = grey_or_rgb(picture)
    return channels_first(converted if resizing is None else resizing(converted))


def grey_or_rgb(picture: Any) -> Any:
    """Return a picture without a problem in Pillow's mode "L" or "RGB", by the stated rules."""
    picture = eight_bits(picture)
    mode = "L" if picture.mode in GREY_MODES else "RGB"
    if picture.mode != mode or picture.has_transparency_data:
        picture = opaque(picture).convert(mode)
    return picture


def channels_first(picture: Any) -> npt.NDArray[np.uint8]:
    """Return [1 or 3, H, W] of a picture of mode "L" or "RGB"."""
    pixels = np.asarray(picture)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def eight_bits(picture: Any) -> Any:
    """Return a grey picture of 16 bits as one of 8, value / 257 rounded; others as they are."""
    from PIL import Image  # noqa: PLC0415

    if picture.mode not in DEEP_MODES:
        return picture
    values = np.asarray(picture).astype(np.int64)
    grey = ((values + 128) // 257).astype(np.uint8)  # 257 is odd: nothing lies half way
    if isinstance(transparent := picture.info.get("transparency"), int):
        grey[values == transparent] = BACKGROUND[0]
    return Image.fromarray(grey)


def opaque(picture: Any) -> Any:
    """Return a picture without transparency, composed on :data:`BACKGROUND`."""
    from PIL import Image  # noqa: PLC0415

    if not picture.has_transparency_data:
        return picture
    below = Image.new("RGBA", picture.size, BACKGROUND)
    below.alpha_composite(picture.convert("RGBA"))
    return below.convert("RGB")
