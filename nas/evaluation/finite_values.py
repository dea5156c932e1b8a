"""The rule that only finite numbers are compared."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def check_finite(values: Mapping[str, float], whose: str) -> None:
    """Refuse values that have no place in an order.

    NaN is neither above nor below anything: on a front nothing would dominate it, and moocore lets
    it remove every other member. An infinite value makes every range and volume infinite.

    Args:
        values: by name.
        whose: what they belong to, for the message.

    Raises:
        ValueError: a value is not finite.
    """
    for name, value in values.items():
        if not np.isfinite(value):
            raise ValueError(f"{whose}: {name} must be a finite number, got {value}")


def check_all_finite(values: np.ndarray, what: str) -> None:
    """The same for an array of any shape.

    Raises:
        ValueError: a value is not finite; with its place.
    """
    usable = np.isfinite(values)
    if not usable.all():
        place = tuple(int(axis[0]) for axis in np.nonzero(~usable))
        raise ValueError(f"{what} must be finite numbers, got {values[place]} at {list(place)}")
