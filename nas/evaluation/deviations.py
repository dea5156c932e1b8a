"""Sample deviations, and standard errors of means."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def standard_deviation(values: Sequence[float] | np.ndarray) -> float | None:
    """Return the standard deviation (n - 1) of ``values``; None below two of them."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def standard_error(values: Sequence[float] | np.ndarray) -> float | None:
    """Return the standard error of the mean of ``values``; None below two of them."""
    spread = standard_deviation(values)
    return None if spread is None else spread / len(values) ** 0.5
