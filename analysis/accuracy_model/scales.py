"""Scales of accuracy: as it is, or as log-odds, in which seed noise is about the same all over."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

LEAST_ERROR = 5e-4
"""Added to the errors and to the hits, as shares: the log-odds of accuracy 1 are finite."""

Scale = Callable[[np.ndarray], np.ndarray]


def as_it_is(accuracy: np.ndarray) -> np.ndarray:
    """Return accuracies, 0..1, unchanged."""
    return np.asarray(accuracy, dtype=float)


def log_odds(accuracy: np.ndarray) -> np.ndarray:
    """Return the log-odds of accuracies, 0..1; the order stays.

    A network that is right in half of all cases varies more from seed to seed than one that is
    nearly always right. In log-odds the two vary about alike, and one deviation holds for both.
    """
    accuracy = np.asarray(accuracy, dtype=float)
    return np.log((accuracy + LEAST_ERROR) / (1 - accuracy + LEAST_ERROR))
