"""Refuses values that are not finite, before they are compared."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def check_finite(values: Mapping[str, float], whose: str) -> None:
    """Refuse values that are not finite.

    NaN is neither above nor below any number: nothing on a front would dominate it, and moocore
    lets it remove every other member. An infinite value makes every range and volume infinite.

    Args:
        values: by name.
        whose: the owner of the values, for the message.

    Raises:
        ValueError: a value is not finite.
    """
    for name, value in values.items():
        if not np.isfinite(value):
            raise ValueError(f"{whose}: {name} must be a finite number, got {value}")


def check_all_finite(values: np.ndarray, what: str) -> None:
    """Refuse an array of any shape with a value that is not finite.

    Raises:
        ValueError: a value is not finite; the message has its index.
    """
    usable = np.isfinite(values)
    if not usable.all():
        place = tuple(int(axis[0]) for axis in np.nonzero(~usable))
        raise ValueError(f"{what} must be finite numbers, got {values[place]} at {list(place)}")
