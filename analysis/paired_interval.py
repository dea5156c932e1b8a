"""Paired t intervals of several comparisons, simultaneous by Bonferroni's correction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from nas.evaluation.deviations import standard_error

LEVEL = 0.95
"""The probability that all intervals of several comparisons hold their true differences."""

CORRECTION = "Bonferroni"

FEWEST_SEEDS = 2
"""The seeds below which there is no interval."""

ROUNDING = 1e-12
"""The standard error below which differences are equal; rounding leaves them a little apart."""


class PairedInterval(NamedTuple):
    """A mean difference over seeds, with its interval among several comparisons.

    Where every seed has the same difference, as few test images allow, there is no spread to make
    an interval from: the interval and the p-values are None.
    """

    mean: float
    n: int  # seeds
    standard_error: float | None
    low: float | None
    high: float | None
    p_value: float | None  # of this comparison alone, two-sided
    adjusted_p_value: float | None  # times the number of comparisons, at most 1

    @property
    def differs(self) -> bool:
        """Whether the interval excludes 0, which is so if the adjusted p-value is below 5 %."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "difference": self.mean,
            "standard_error": self.standard_error,
            "low": self.low,
            "high": self.high,
            "p_value": self.p_value,
            "adjusted_p_value": self.adjusted_p_value,
            "differs": self.differs,
            "n": self.n,
        }


def paired_interval(differences: Sequence[float], comparisons: int) -> PairedInterval:
    """Return the mean of paired differences, with its t interval and p-value.

    Each interval has the level 1 - 0.05 / m, so that m of them hold together with at least 95 %
    (Bonferroni), whatever the comparisons share, such as the network that all are compared with.

    Args:
        differences: one a seed, at least two.
        comparisons: the number m of comparisons that are made.

    Raises:
        ValueError: there are fewer than two differences, or no comparisons.
    """
    n = len(differences)
    if n < FEWEST_SEEDS or comparisons < 1:
        raise ValueError(
            f"an interval needs {FEWEST_SEEDS} differences and 1 comparison at least, got {n} and "
            f"{comparisons}"
        )
    mean = float(np.mean(differences))
    error = standard_error(differences)
    assert error is not None  # there are two
    if error < ROUNDING:
        return PairedInterval(mean, n, None, None, None, None, None)
    quantile = stats.t.ppf(1 - (1 - LEVEL) / (2 * comparisons), n - 1)
    p_value = float(2 * stats.t.sf(abs(mean) / error, n - 1))
    return PairedInterval(
        mean,
        n,
        error,
        mean - float(quantile) * error,
        mean + float(quantile) * error,
        p_value,
        min(1.0, comparisons * p_value),
    )
