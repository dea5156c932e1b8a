"""Numbers as people write them: ``40M`` parameters, ``1.5G`` MACs, ``2h 07m``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

SUFFIXES = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}

_NUMBER = re.compile(r"\s*(?P<digits>[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*(?P<suffix>[kKMG]?)\s*")

_DURATION = re.compile(
    r"\s*" + r"\s*".join(rf"(?:([0-9]*\.?[0-9]+)\s*{unit})?" for unit in "hms") + r"\s*"
)


def parse_quantity(text: str | float) -> float:
    """Parse ``"40M"`` to 40000000.0; plain numbers pass through.

    Raises:
        ValueError: not a positive number with one of the suffixes k, M, G.
    """
    match = _NUMBER.fullmatch(str(text))
    if match is None or not 0 < float(match["digits"]) < math.inf:
        raise ValueError(
            f"a limit must be a positive number such as 250k, 40M or 1.5G, got {text!r}"
        )
    return float(match["digits"]) * SUFFIXES[match["suffix"]]


def format_quantity(value: float) -> str:
    """Format a number in short form: 25.6M, 823k, 17."""
    rounded = float(f"{value:.3g}")  # before a suffix is chosen: 999,999 is 1M
    for suffix, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if rounded >= size:
            return f"{rounded / size:g}{suffix}"
    return f"{rounded:g}"


def number_range(numbers: Iterable[int]) -> str:
    """Return the least and the largest of some numbers: ``1 to 5``, or ``3`` if all are equal."""
    known = sorted(numbers)
    low, high = known[0], known[-1]
    return str(low) if low == high else f"{low} to {high}"


def parse_duration(text: str) -> float:
    """Parse ``"20h"``, ``"1h 30m"`` or ``"90s"`` to seconds, the inverse of :func:`duration`.

    Raises:
        ValueError: not a positive number of hours, minutes or seconds with their units.
    """
    match = _DURATION.fullmatch(text)
    parts = match.groups() if match is not None else ()
    seconds = sum(
        float(part) * unit for part, unit in zip(parts, (3600, 60, 1), strict=False) if part
    )
    if not 0 < seconds < math.inf:
        raise ValueError(f"a time must be such as 20h, 1h 30m or 90s, got {text!r}")
    return seconds


def duration(seconds: float) -> str:
    """Return a duration such as 42s, 3m 05s or 2h 07m."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
