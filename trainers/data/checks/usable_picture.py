"""A picture that can be used, or the reason why it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from trainers.data.pictures.pixels import (
    DECODER_ERRORS,
    ON_ITS_SIDE,
    ORIENTATION,
    decoded_upright,
    problem_of,
)
from trainers.data.sources.labelled_set import Pictures
from trainers.errors import FAULTS_OF_MACHINES, DataError


class UnusablePicture(Exception):
    """A picture cannot be used; the message follows its name.

    Attributes:
        is_damaged: it cannot be decoded; False where no conversion is stated for its pixels.
    """

    def __init__(self, problem: str, *, is_damaged: bool) -> None:
        super().__init__(problem)
        self.is_damaged = is_damaged


class Header(NamedTuple):
    """The format and mode of a picture, as Pillow calls them, and its upright (height, width)."""

    format: str | None
    mode: str
    hw: tuple[int, int]


def usable_picture(pictures: Pictures, index: int) -> Any:
    """Decode a picture and turn it upright.

    Raises:
        UnusablePicture: it cannot be decoded, or :func:`.pixels_of` would not convert it.
    """
    with _decoding():
        file = pictures.file(index)
        picture = None if file is None else decoded_upright(file, pictures.mode)
        problem = problem_of(picture)
    if problem:
        raise UnusablePicture(problem, is_damaged=picture is None)
    return picture


def header_of(picture: Any) -> Header:
    """Return the header of a decoded, upright picture."""
    return Header(picture.format, picture.mode, (picture.height, picture.width))


def usable_header(pictures: Pictures, index: int) -> Header:
    """Read a picture's header; whether its pixels are whole is not known then.

    Raises:
        UnusablePicture: there is no header, or one whose pixels would not be converted.
    """
    from PIL import Image  # noqa: PLC0415 (slow to import)

    with _decoding():
        file = pictures.file(index)
        if file is None:
            raise UnusablePicture(problem_of(None), is_damaged=True)
        with Image.open(file) as opened:
            header = header_of(opened)
            # that of PNG files would decode them, for what may stand after the pixels
            exif = Image.Image.getexif(opened)
            is_on_its_side = exif.get(ORIENTATION) in ON_ITS_SIDE
            problem = problem_of(opened)
    if problem:
        raise UnusablePicture(problem, is_damaged=False)
    return header._replace(hw=header.hw[::-1]) if is_on_its_side else header


@contextmanager
def _decoding() -> Iterator[None]:
    """Raise what decoders raise as :class:`UnusablePicture`."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415

    try:
        yield
    except UnidentifiedImageError:
        raise UnusablePicture(
            "is not an image of a format that Pillow reads", is_damaged=True
        ) from None
    except (*DECODER_ERRORS, Image.DecompressionBombError) as error:
        if isinstance(error, OSError) and error.errno in FAULTS_OF_MACHINES:
            raise DataError(f"pictures cannot be read on this machine: {error}") from error
        raise UnusablePicture(f"cannot be read: {error}", is_damaged=True) from error
