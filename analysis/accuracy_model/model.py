"""The surrogate model of accuracy, with what one architecture has by itself and seed noise apart.

The mean of ``n`` evaluations of architecture ``a`` is

    y(a) = g(a) + e(a) + (the mean of n seeds' noise)

where ``g`` is the Gaussian process of the default sampler over choices and exact costs
(:mod:`nas.samplers.gaussian_process`), ``e`` is normal, independent from architecture to
architecture, and the same in all evaluations of one, and seed noise is normal with the deviation
that evaluations of one architecture show, pooled over architectures. The true accuracy of an
architecture is ``g + e``: its mean over infinitely many seeds.

The hyperparameters of ``g`` and the variance of ``e`` are those of the greatest posterior density
given the seed noise. The seed noise itself is uncertain, as it was measured on few evaluations:
draws take several values of it, each with the hyperparameters that go with it.

Source: Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", chapter 2. Gelman et
al. 2013, "Bayesian Data Analysis", section 3.2: the posterior of a variance is a scaled inverse
chi-squared distribution.

Legend: n evaluated architectures, N others, P parameters, m costs, S draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import chdtri

from analysis.noise import SeedNoise
from nas.samplers.gaussian_process import JITTER, fit_hyperparameters
from nas.samplers.kernel import HyperparameterPrior, Kernel
from nas.samplers.kernel_inputs import Encoder, Inputs


class Evaluated(NamedTuple):
    """Evaluated architectures, in one scale of accuracy."""

    vectors: np.ndarray  # [n, P], as the space encodes them
    costs: np.ndarray  # [n, m], exactly known
    means: np.ndarray  # [n], over the evaluations of each
    counts: np.ndarray  # [n], evaluations of each


class Joint(NamedTuple):
    """A joint normal distribution of true accuracies."""

    mean: np.ndarray  # [N]
    covariance: np.ndarray  # [N, N]

    def draws(self, standard: np.ndarray) -> np.ndarray:
        """Return draws ``[S, N]`` made of standard normal numbers ``[S, N]``."""
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0))
        return np.asarray(self.mean + standard @ root.T)


class AccuracyModel:
    """The model given evaluations, at one value of the seed noise; see :func:`fit`.

    Args:
        encoder: makes the surrogate's inputs.
        point: the surrogate's hyperparameters ``[t]``; their noise is the variance of ``e``.
        evaluated: the evaluations.
        seed_variance: that of one evaluation.
    """

    def __init__(
        self,
        encoder: Encoder,
        point: np.ndarray,
        evaluated: Evaluated,
        seed_variance: float,
    ) -> None:
        prior = HyperparameterPrior(encoder)
        self._centre = float(evaluated.means.mean())
        self._unit = float(evaluated.means.std()) or 1.0
        self._inputs = encoder(evaluated.vectors, evaluated.costs)
        self._kernel = Kernel(prior, point, self._inputs)
        self.seed_variance = seed_variance
        self.own_variance = self._unit**2 * (prior.split(point).noise + JITTER)
        self._smooth = self._unit**2 * self._kernel(self._inputs)  # [n, n]
        noisy = self._smooth.copy()
        noisy[np.diag_indices_from(noisy)] += self.own_variance + seed_variance / evaluated.counts
        self._factor = cho_factor(noisy, lower=True)
        self._weights = cho_solve(self._factor, evaluated.means - self._centre)

    def of_evaluated(self) -> Joint:
        """Return the joint posterior of the evaluated architectures' true accuracies."""
        prior = self._smooth.copy()
        prior[np.diag_indices_from(prior)] += self.own_variance
        return self._given(prior, prior)

    def of_others(self, inputs: Inputs) -> Joint:
        """Return the joint posterior of ``g`` for N architectures, evaluated or not."""
        cross = self._unit**2 * self._kernel(inputs)  # [N, n]
        return self._given(cross, self._unit**2 * self._kernel.between(inputs))

    def _given(self, cross: np.ndarray, prior: np.ndarray) -> Joint:
        mean = self._centre + cross @ self._weights
        covariance = prior - cross @ cho_solve(self._factor, cross.T)
        return Joint(mean, (covariance + covariance.T) / 2)


def fit(encoder: Encoder, evaluated: Evaluated, noise: SeedNoise | None) -> AccuracyModel:
    """Fit the model at the measured seed noise.

    Without a measured one (None) what does not follow from choices and costs counts as seed noise,
    so that no architecture has anything by itself: with one evaluation each the two look the same.
    """
    inputs = encoder(evaluated.vectors, evaluated.costs)
    prior = HyperparameterPrior(encoder)
    if noise is None:
        point = fit_hyperparameters(prior, inputs, evaluated.means)
        unit = float(evaluated.means.std()) or 1.0
        seed_variance = unit**2 * prior.split(point).noise
        point[-1] = np.log(JITTER)
        return AccuracyModel(encoder, point, evaluated, seed_variance)
    return _fitted(encoder, prior, inputs, evaluated, noise.deviation**2)


def fit_draws(
    encoder: Encoder,
    evaluated: Evaluated,
    noise: SeedNoise | None,
    count: int,
    rng: np.random.Generator,
) -> Iterator[AccuracyModel]:
    """Fit the model at ``count`` values of the seed noise, as likely as its measurement has them.

    The values are evenly spread quantiles of its posterior in random order. Without a measured
    noise all are the model of :func:`fit`.
    """
    if noise is None:
        yield from [fit(encoder, evaluated, None)] * count
        return
    inputs = encoder(evaluated.vectors, evaluated.costs)
    prior = HyperparameterPrior(encoder)
    freedom = noise.degrees_of_freedom
    quantiles = (rng.permutation(count) + 0.5) / count
    for variance in freedom * noise.deviation**2 / chdtri(freedom, 1 - quantiles):
        yield _fitted(encoder, prior, inputs, evaluated, float(variance))


def _fitted(
    encoder: Encoder,
    prior: HyperparameterPrior,
    inputs: Inputs,
    evaluated: Evaluated,
    seed_variance: float,
) -> AccuracyModel:
    extra = seed_variance / evaluated.counts
    point = fit_hyperparameters(prior, inputs, evaluated.means, extra)
    return AccuracyModel(encoder, point, evaluated, seed_variance)
