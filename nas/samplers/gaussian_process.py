"""The surrogate of the default sampler: a Gaussian process over choices, costs and counts.

Its kernel's weights, scales and noise are those of the greatest posterior density.

Source: Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", algorithm 2.1 and
equation 5.9.

Legend: n observations, N candidates, F binary columns, m costs and counts, P parameters,
t hyperparameters.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_solve, cholesky
from scipy.linalg.blas import dtrmm
from scipy.linalg.lapack import dtrtri
from scipy.optimize import minimize

from nas.samplers.kernel import (
    HyperparameterPrior,
    Kernel,
    SquaredExponential,
    squared_differences,
)
from nas.samplers.kernel_inputs import Encoder, Inputs
from nas.samplers.observations import Observations

FIT_ITERATIONS = 25

JITTER = 1e-6

AT_ONCE = 128
"""Candidates that are predicted together: their matrices fit into a processor's cache."""

LEAST_VARIANCE = 1e-9
"""The least variance of a prediction, in units of the observations' variance: none is zero."""


class GaussianProcess:
    """A Gaussian process given observations; predictions are in the observations' unit.

    Args:
        prior: splits ``point`` into hyperparameters.
        point: the hyperparameters ``[t]``.
        inputs: of the n observations.
        values: ``[n]``.
        extra_noise: ``[n]``, variance beside the noise, in squared units of ``values``.

    Attributes:
        noise_variance: of an evaluation, in squared units of ``values``.
    """

    def __init__(
        self,
        prior: HyperparameterPrior,
        point: np.ndarray,
        inputs: Inputs,
        values: np.ndarray,
        extra_noise: np.ndarray | None = None,
    ) -> None:
        self.inputs = inputs
        self.mean = float(values.mean())
        self.unit = float(values.std()) or 1.0
        self._kernel = Kernel(prior, point, inputs)
        noise = prior.split(point).noise
        self.noise_variance = self.unit**2 * noise
        kernel = self._kernel(inputs)
        extra = 0.0 if extra_noise is None else extra_noise / self.unit**2
        kernel[np.diag_indices_from(kernel)] += noise + JITTER + extra
        factor = cholesky(kernel, lower=True, overwrite_a=True, check_finite=False)
        standard = (values - self.mean) / self.unit
        self._alpha = cho_solve((factor, True), standard, check_finite=False)
        # For very many candidates, multiplying by the inverse is twice as fast as solving.
        self._inverse, _ = dtrtri(factor, lower=1)

    def predict(self, inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
        """Return means and standard deviations ``[N]``, without the noise of an evaluation."""
        count = len(inputs.bits)
        mean, explained = np.empty(count), np.empty(count)
        for start in range(0, count, AT_ONCE):
            rows = slice(start, start + AT_ONCE)
            cross = self._kernel(Inputs(inputs.bits[rows], inputs.costs[rows]))  # [rows, n]
            mean[rows] = cross @ self._alpha
            half = dtrmm(1.0, self._inverse, cross.T, lower=1, overwrite_b=1).T  # [rows, n]
            explained[rows] = np.einsum("Nn,Nn->N", half, half)
        variance = np.maximum(self._kernel.variance - explained, LEAST_VARIANCE)
        return self.mean + self.unit * mean, self.unit * np.sqrt(variance)

    def predict_mean(self, inputs: Inputs) -> np.ndarray:
        """Return the means ``[N]`` alone, which is much cheaper than :meth:`predict`."""
        return self.mean + self.unit * (self._kernel(inputs) @ self._alpha)


def fit_hyperparameters(
    prior: HyperparameterPrior,
    inputs: Inputs,
    values: np.ndarray,
    extra_noise: np.ndarray | None = None,
) -> np.ndarray:
    """Return the hyperparameters ``[t]`` of greatest posterior density (MAP).

    L-BFGS-B searches from the prior's centre on, in at most ``FIT_ITERATIONS`` iterations.

    Args:
        prior: the hyperparameters'.
        inputs: of the n observations.
        values: ``[n]``.
        extra_noise: ``[n]``, known variance beside the noise, in squared units of ``values``.
    """
    extra = np.zeros(len(values)) if extra_noise is None else extra_noise / (values.var() or 1.0)
    standard = (values - values.mean()) / (values.std() or 1.0)
    squares = squared_differences(inputs.costs, inputs.costs)

    def loss(point: np.ndarray) -> tuple[float, np.ndarray]:
        return _negative_log_posterior(prior, point, inputs.bits, squares, standard, extra)

    bounds = [(c - 4 * s, c + 4 * s) for c, s in zip(prior.centre, prior.spread, strict=True)]
    optimum = minimize(
        loss,
        prior.centre,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": FIT_ITERATIONS},
    )
    return np.asarray(optimum.x)


class SurrogateModels:
    """Fit surrogates of one space; hyperparameters are fitted again only now and then.

    Args:
        encoder: makes the surrogates' inputs of the space's candidates.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self._prior = HyperparameterPrior(encoder)
        self._fitted: dict[str, tuple[tuple[bytes, ...], np.ndarray]] = {}

    def fit(self, quantity: str, observed: Observations, fitted: Observations) -> GaussianProcess:
        """Return the surrogate of a quantity.

        Args:
            quantity: its name; its hyperparameters are kept until ``fitted`` changes.
            observed: all results that the surrogate is given.
            fitted: the results that its hyperparameters are fitted to.
        """
        fitted_to = (fitted.pool.vectors.tobytes(), fitted.values.tobytes())
        known, point = self._fitted.get(quantity, ((), np.empty(0)))
        if known != fitted_to:
            point = fit_hyperparameters(self._prior, self.encoder(*fitted.pool), fitted.values)
            self._fitted[quantity] = (fitted_to, point)
        inputs = self.encoder(*observed.pool)
        return GaussianProcess(self._prior, point, inputs, observed.values, observed.extra_variance)


def _negative_log_posterior(
    prior: HyperparameterPrior,
    point: np.ndarray,
    bits: np.ndarray,
    squares: np.ndarray,
    values: np.ndarray,
    extra: np.ndarray,
) -> tuple[float, np.ndarray]:
    """Return the value, up to a constant, and the gradient ``[t]``."""
    encoder, count = prior.encoder, prior.parameters
    weights, part, scales, lengths, noise = prior.split(point)
    by_choice = scales[0] * SquaredExponential(bits, weights)(bits)
    by_cost = scales[1] * np.exp(-0.5 * np.tensordot(lengths**-2, squares, 1))
    if not prior.costs:
        by_cost = np.zeros_like(by_choice)
    kernel = by_choice + by_cost
    kernel[np.diag_indices_from(kernel)] += noise + JITTER + extra
    factor = cholesky(kernel, lower=True, check_finite=False)
    alpha = cho_solve((factor, True), values, check_finite=False)
    inverse = cho_solve((factor, True), np.eye(len(values)), check_finite=False)
    outer = np.outer(alpha, alpha) - inverse  # d log-likelihood = trace(outer @ dK) / 2

    through = outer * by_choice
    of_bits = through @ bits
    # sum over pairs of through x (whether the bit differs), for each bit
    differing = 2 * (bits.T @ through.sum(1)) - 2 * np.einsum("nf,nf->f", bits, of_bits)
    by_bit = -0.5 * differing * weights  # derivative by the log of the bit's weight
    gradient = np.zeros_like(point)
    np.add.at(gradient, encoder.owner, by_bit)
    ranked = np.array(encoder.ranked)[encoder.owner]
    gradient[count] = (
        by_bit * np.where(encoder.is_rank, 1 - part, np.where(ranked, -part, 0))
    ).sum()
    gradient[count + 1] = 0.5 * through.sum()
    of_cost = outer * by_cost
    gradient[count + 2] = 0.5 * of_cost.sum()
    gradient[count + 3 : count + 3 + prior.costs] = (
        0.5 * np.tensordot(squares, of_cost, 2) / lengths**2
    )
    gradient[-1] = 0.5 * noise * np.trace(outer)

    away = (point - prior.centre) / prior.spread
    likelihood = -0.5 * values @ alpha - np.log(np.diag(factor)).sum()
    return -likelihood + 0.5 * away @ away, -gradient + away / prior.spread
