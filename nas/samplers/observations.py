"""Observations: the choice of the results that surrogates are given, and their scale.

Legend: n results.
"""

from __future__ import annotations

from typing import NamedTuple

import moocore
import numpy as np

from nas.samplers.pool import Pool, concatenated

MOST_OBSERVATIONS = 300
"""The most results that a surrogate is given: those nearest to the front, and some others."""

MOST_PRUNED = 100
"""The most pruned trials, the latest ones, that count among ``MOST_OBSERVATIONS``."""

MOST_FITTED = 250
"""The most results that hyperparameters are fitted to."""

SHARE_OF_OTHERS = 0.25
"""The share of results that are chosen at random, not by their nearness to the front."""

GROWTH = 1.15
"""Hyperparameters are fitted anew whenever the number of results has grown by this factor."""


class Observations(NamedTuple):
    """Results of one quantity."""

    pool: Pool  # [n]
    values: np.ndarray  # [n]
    extra_variance: np.ndarray  # [n], in addition to an evaluation's noise

    def take(self, rows: slice) -> Observations:
        """Return the observations at ``rows``."""
        return Observations(self.pool.take(rows), self.values[rows], self.extra_variance[rows])

    def followed_by(self, more: Observations) -> Observations:
        """Return these observations and then ``more``."""
        return Observations(
            concatenated([self.pool, more.pool]),
            np.concatenate([self.values, more.values]),
            np.concatenate([self.extra_variance, more.extra_variance]),
        )


def fitted_count(results: int, first: int) -> int:
    """Return how many of the first results hyperparameters are fitted to.

    The number grows in steps by the factor ``GROWTH``, so that they are seldom fitted.
    """
    count = first
    while (following := max(count + 1, round(count * GROWTH))) <= results:
        count = following
    return min(count, results)


def nearest_to_front(losses: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Choose up to ``most`` rows of ``losses [n, objectives]``, ascending.

    They are the best by non-dominated sorting and, as ``SHARE_OF_OTHERS``, random others.
    """
    if len(losses) <= most:
        return np.arange(len(losses))
    others = int(most * SHARE_OF_OTHERS)
    ranks = moocore.pareto_rank(losses)
    order = np.lexsort((-np.arange(len(losses)), ranks))
    near, far = order[: most - others], order[most - others :]
    return np.sort(np.concatenate([near, rng.permutation(far)[:others]]))


class Compression(NamedTuple):
    """A logarithmic scale of the losses over a middle; those below stay, and so does the order.

    The losses of networks that hardly train vary much and say little.
    """

    middle: float
    scale: float  # 0 for none

    @classmethod
    def of(cls, losses: np.ndarray) -> Compression:
        """Take the median of losses ``[n]``, and its difference to the best decile as the scale."""
        middle, good = np.quantile(losses, [0.5, 0.1])
        return cls(float(middle), float(middle - good))

    def __call__(self, losses: np.ndarray) -> np.ndarray:
        """Compress losses."""
        if self.scale <= 0:
            return losses
        over = np.maximum(losses - self.middle, 0)
        high = self.middle + self.scale * np.log1p(over / self.scale)
        return np.where(losses > self.middle, high, losses)

    def of_column(self, losses: np.ndarray, column: int) -> np.ndarray:
        """Return losses ``[n, objectives]`` with one column compressed."""
        compressed = losses.copy()
        compressed[:, column] = self(losses[:, column])
        return compressed

    def undone(self, compressed: np.ndarray) -> np.ndarray:
        """Return the losses that are these when they are compressed."""
        if self.scale <= 0:
            return compressed
        over = np.maximum(compressed - self.middle, 0)
        high = self.middle + self.scale * np.expm1(over / self.scale)
        return np.where(compressed > self.middle, high, compressed)
