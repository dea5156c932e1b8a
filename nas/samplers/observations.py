"""Results as surrogates are given them: which ones, and on what scale.

Legend: n results.
"""

from __future__ import annotations

from typing import NamedTuple

import moocore
import numpy as np

from nas.samplers.pool import Pool, together

MOST_OBSERVATIONS = 300
"""Results that a surrogate is given: those nearest to the front, and some of the others."""

MOST_PRUNED = 100
"""The latest pruned trials, which count among ``MOST_OBSERVATIONS``."""

MOST_FITTED = 250
"""Results that hyperparameters are fitted to."""

SHARE_OF_OTHERS = 0.25

GROWTH = 1.15
"""Hyperparameters are fitted anew whenever the number of results has grown by this factor."""


class Observations(NamedTuple):
    """Results of one quantity."""

    pool: Pool  # [n]
    values: np.ndarray  # [n]
    extra_variance: np.ndarray  # [n], beside that of an evaluation

    def some(self, rows: slice) -> Observations:
        """Those at ``rows``."""
        return Observations(self.pool.some(rows), self.values[rows], self.extra_variance[rows])

    def and_also(self, more: Observations) -> Observations:
        """These, then ``more``."""
        return Observations(
            together([self.pool, more.pool]),
            np.concatenate([self.values, more.values]),
            np.concatenate([self.extra_variance, more.extra_variance]),
        )


def settled_count(results: int, first: int) -> int:
    """How many of the results hyperparameters are fitted to; it grows in steps of ``GROWTH``."""
    count = first
    while (following := max(count + 1, round(count * GROWTH))) <= results:
        count = following
    return min(count, results)


def nearest_to_front(losses: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Up to ``most`` rows of ``losses [n, objectives]``, by layers of fronts, and random others."""
    if len(losses) <= most:
        return np.arange(len(losses))
    others = int(most * SHARE_OF_OTHERS)
    ranks = moocore.pareto_rank(losses)
    order = np.lexsort((-np.arange(len(losses)), ranks))
    near, far = order[: most - others], order[most - others :]
    return np.sort(np.concatenate([near, rng.permutation(far)[:others]]))


def compressed(losses: np.ndarray, typical: np.ndarray) -> np.ndarray:
    """Losses whose bad half is drawn together, in the same order.

    A network that does not train at all is not the more informative the worse it is. What is over
    the median of ``typical`` counts by the logarithm, on the scale of the better half.
    """
    middle, good = np.quantile(typical, [0.5, 0.1])
    scale = middle - good
    if scale <= 0:
        return losses
    over = np.maximum(losses - middle, 0)
    return np.where(losses > middle, middle + scale * np.log1p(over / scale), losses)
