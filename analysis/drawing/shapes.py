"""The shapes of a drawing, in SVG's pixels: x to the right, y downwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

LETTER_SHARE = 0.58
"""Width of a letter of a sans-serif font over its size, on average."""


class Box(NamedTuple):
    """A rectangle; a viewer shows ``tip`` where the pointer rests on it."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    tip: str


class Line(NamedTuple):
    """A horizontal line."""

    x: float
    y: float
    width: float
    colour: str


class Words(NamedTuple):
    """One line of text whose baseline is at ``y``."""

    x: float
    y: float
    text: str
    size: float
    colour: str
    anchor: Literal["start", "middle"] = "start"
    is_bold: bool = False


class Drawing(NamedTuple):
    """Shapes, those in front last, on a page of this size."""

    title: str
    width: float
    height: float
    lines: Sequence[Line]
    boxes: Sequence[Box]
    words: Sequence[Words]


def text_width(text: str, size: float) -> float:
    """Return about how wide a text of this font size is. Unit: pixels."""
    return LETTER_SHARE * size * len(text)
