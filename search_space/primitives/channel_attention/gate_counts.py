"""Costs of the parts of gates."""

from __future__ import annotations

from search_space.counts import Counts, linear_counts


def perceptron_counts(channels: int, squeeze: int) -> Counts:
    """Count a perceptron without normalisation, used once."""
    return linear_counts(channels, squeeze) + linear_counts(squeeze, channels)
