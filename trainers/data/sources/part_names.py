"""The names by which data sets call their parts."""

from __future__ import annotations

from typing import Literal

Part = Literal["train", "validation", "test"]

_PARTS: dict[str, Part] = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
}

PARTS: tuple[Part, ...] = ("train", "validation", "test")

PART_NAMES = ", ".join(_PARTS)


def part_called(name: str) -> Part | None:
    """Return the part of a name in any case; None if it names none."""
    return _PARTS.get(name.casefold())
