"""Inspection: each picture is opened once, and what is seen is plain data, for any process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from trainers.data.sources.labelled_set import Pictures
from trainers.data.usable_picture import (
    Header,
    UnusablePicture,
    header_of,
    usable_header,
    usable_picture,
)


class Seen(NamedTuple):
    """A picture's header; or, where it cannot be used, why, as follows its name."""

    header: Header | None
    problem: str = ""
    is_damaged: bool = False


def inspect(pictures: Pictures, indices: Iterable[int], *, headers_only: bool) -> list[Seen]:
    """Look at some pictures.

    Args:
        pictures: of one part.
        indices: their places.
        headers_only: do not decode pixels, so that some damages stay unseen.
    """
    return [_seen(pictures, index, headers_only=headers_only) for index in indices]


def _seen(pictures: Pictures, index: int, *, headers_only: bool) -> Seen:
    try:
        if headers_only:
            return Seen(usable_header(pictures, index))
        return Seen(header_of(usable_picture(pictures, index)))
    except UnusablePicture as error:
        return Seen(None, str(error), error.is_damaged)
