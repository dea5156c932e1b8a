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
from trainers.data.sources.labelled_set import LabelledPart
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


def usable_picture(part: LabelledPart, index: int) -> Any:
    """Decode a picture of a part and turn it upright.

    Raises:
        UnusablePicture: it cannot be decoded, :func:`.pixels_of` would not convert it, or its
            objects lie in a picture of another size.
    """
    pictures = part.pictures
    with _decoding():
        file = pictures.file(index)
        picture = None if file is None else decoded_upright(file, pictures.mode)
        problem = problem_of(picture)
    if picture is None or problem:
        raise UnusablePicture(problem, is_damaged=picture is None)
    _check_size(part, index, (picture.height, picture.width))
    return picture


def header_of(picture: Any) -> Header:
    """Return the header of a decoded, upright picture."""
    return Header(picture.format, picture.mode, (picture.height, picture.width))


def usable_header(part: LabelledPart, index: int) -> Header:
    """Read the header of a part's picture; whether its pixels are whole is not known then.

    Raises:
        UnusablePicture: there is no header, or one whose pixels would not be converted, or its
            objects lie in a picture of another size.
    """
    from PIL import Image  # noqa: PLC0415 (slow to import)

    with _decoding():
        file = part.pictures.file(index)
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
    upright = header._replace(hw=header.hw[::-1]) if is_on_its_side else header
    _check_size(part, index, upright.hw)
    return upright


def _check_size(part: LabelledPart, index: int, hw: tuple[int, int]) -> None:
    """Raise if a picture's objects lie in one of another (height, width)."""
    if part.hw is None:
        return
    height, width = part.hw[index].tolist()
    if hw != (height, width) and (height, width) != (0, 0):
        raise UnusablePicture(
            f"is {list(hw)} [height, width] upright, and its objects lie in {[height, width]}",
            is_damaged=True,
        )


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
