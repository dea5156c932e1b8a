"""What results so far say of candidates: losses, unknown costs, and whether they keep the limits.

Legend: N candidates, n results, d costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import moocore
import numpy as np
from scipy.special import ndtr

from nas.samplers.gaussian_process import (
    Encoder,
    GaussianProcess,
    Inputs,
    KernelHyperparameters,
    fit,
)
from nas.samplers.pool import Pool, together

MOST_OBSERVATIONS = 300
"""Results that a surrogate is given: those nearest to the front, and some of the others."""

MOST_PRUNED = 100
"""Of them, trials that were stopped early, the latest ones."""

MOST_FITTED = 250
"""Results that hyperparameters are fitted to."""

SHARE_OF_OTHERS = 0.25

GROWTH = 1.15
"""Hyperparameters are fitted anew whenever there are so many times as many results."""


class Observations(NamedTuple):
    """Results of one quantity."""

    pool: Pool  # [n]
    values: np.ndarray  # [n]
    extra_variance: np.ndarray  # [n], beside that of an evaluation

    def some(self, rows: np.ndarray) -> Observations:
        """Those at ``rows``."""
        return Observations(self.pool.some(rows), self.values[rows], self.extra_variance[rows])

    def and_also(self, more: Observations) -> Observations:
        """These, then ``more``."""
        return Observations(
            together([self.pool, more.pool]),
            np.concatenate([self.values, more.values]),
            np.concatenate([self.extra_variance, more.extra_variance]),
        )


class SurrogateModels:
    """Surrogates of one space, their hyperparameters fitted now and then.

    Args:
        encoder: of the space.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.layout = KernelHyperparameters(encoder)
        self._fitted: dict[str, tuple[tuple[bytes, ...], np.ndarray]] = {}

    def inputs(self, pool: Pool) -> Inputs:
        """A pool as the surrogates see it."""
        return self.encoder(pool.vectors, pool.costs)

    def learn(
        self, quantity: str, observed: Observations, settled: Observations
    ) -> GaussianProcess:
        """A surrogate of ``observed``.

        Args:
            quantity: what it is; its hyperparameters are kept until ``settled`` changes.
            observed: all that it shall know.
            settled: what its hyperparameters are fitted to.
        """
        of = (settled.pool.vectors.tobytes(), settled.values.tobytes())
        key, point = self._fitted.get(quantity, ((), np.empty(0)))
        if key != of:
            point = fit(self.layout, self.inputs(settled.pool), settled.values)
            self._fitted[quantity] = (of, point)
        return GaussianProcess(
            self.layout, point, self.inputs(observed.pool), observed.values, observed.extra_variance
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


def probability_within(
    beliefs: Sequence[tuple[GaussianProcess, float]], inputs: Inputs
) -> np.ndarray:
    """The probability ``[N]`` that measured quantities are within their limits.

    Args:
        beliefs: surrogates of the quantities, and their limits.
        inputs: of the candidates.
    """
    likely = np.ones(len(inputs.bits))
    for surrogate, limit in beliefs:
        mean, deviation = surrogate.predict(inputs)
        likely *= ndtr((limit - mean) / deviation)
    return likely
