"""The surrogate of the default sampler: a Gaussian process over choices and exactly known costs.

The kernel is the sum of two. One compares choices: ``exp(-sum_i w_i d_i)``, where ``d_i`` is 0 for
equal choices of parameter i and 1 for different ones, mixed with the distance of their ranks where
choices are numbers (a kernel of 3 is nearer to 5 than to 7). The other compares the costs, by their
logarithms where they are positive. Weights, scales and noise are those of the greatest posterior
density.

Source: Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", algorithm 2.1 and
equation 5.9.

Legend: n observations, N candidates, F binary columns, m costs, P parameters, t hyperparameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_solve, cholesky
from scipy.linalg.blas import dtrmm
from scipy.linalg.lapack import dtrtri
from scipy.optimize import minimize
from scipy.special import expit

from search_space.alternatives import Choice, Parameter

FIT_ITERATIONS = 25

SPREAD_OF_LOG = {"weight": 1.5, "scale": 1.0, "length": 0.7, "noise": 1.5}
"""Standard deviations of the hyperparameters' log-normal priors."""

JITTER = 1e-6

AT_ONCE = 128
"""Candidates that are predicted together: what they need fits into a processor's cache."""

LEAST_VARIANCE = 1e-9
"""Of a prediction, as a share of the observations' variance: a deviation is never zero."""


class Inputs(NamedTuple):
    """Candidates as the kernel sees them."""

    bits: np.ndarray  # [N, F], 0 and 1
    costs: np.ndarray  # [N, m], standardised


class Encoder:
    """From vectors and costs to :class:`Inputs`.

    Args:
        parameters: the space's.
        cost_sample: costs ``[any, m]`` of typical candidates. They set the scale: where all are
            positive, a cost counts by its logarithm; where all are equal, not at all.

    Raises:
        ValueError: a cost is not finite.
    """

    def __init__(self, parameters: Sequence[Parameter], cost_sample: np.ndarray) -> None:
        self.values = [len(parameter.choices) for parameter in parameters]
        numbers = [_as_numbers(parameter.choices) for parameter in parameters]
        self.ranked = [len(found) > 2 for found in numbers]
        self._bits = [
            _bits_of(count, found if ranked else [])
            for count, found, ranked in zip(self.values, numbers, self.ranked, strict=True)
        ]
        if not np.isfinite(cost_sample).all():
            raise ValueError("known costs must be finite numbers")
        self._by_logarithm = (cost_sample > 0).all(axis=0)
        scaled = self._scaled(cost_sample)
        self._informative = np.ptp(scaled, axis=0) > 0
        self.costs = int(self._informative.sum())
        self._mean, self._deviation = scaled.mean(axis=0), scaled.std(axis=0)
        owner, is_rank, share = [], [], []
        for index, (count, ranked) in enumerate(zip(self.values, self.ranked, strict=True)):
            owner += [index] * (count + 1)  # the first is for an inactive parameter
            is_rank += [False] * (count + 1)
            share += [0.5] * (count + 1)  # two bits differ where choices do
            if ranked:
                owner += [index] * (count - 1)
                is_rank += [True] * (count - 1)
                share += [1 / (count - 1)] * (count - 1)
        self.owner = np.array(owner)  # [F]: the parameter of each bit
        self.is_rank = np.array(is_rank)
        self.share = np.array(share)  # of each bit in its parameter's distance

    def __call__(self, vectors: np.ndarray, costs: np.ndarray) -> Inputs:
        """Vectors ``[N, P]``, -1 where inactive, and their costs ``[N, m]``."""
        columns = zip(self._bits, vectors.T, strict=True)
        bits = np.concatenate([table[choices] for table, choices in columns], axis=1)
        kept = self._informative
        centred = (self._scaled(costs) - self._mean)[:, kept]
        return Inputs(bits, centred / self._deviation[kept])

    def _scaled(self, costs: np.ndarray) -> np.ndarray:
        logarithms = np.log(np.maximum(costs, np.finfo(float).tiny))
        return np.where(self._by_logarithm, logarithms, costs)


def _bits_of(count: int, numbers: Sequence[float]) -> np.ndarray:
    """The bits of each of ``count`` choices, and of none as the last row: which, then its rank."""
    which = np.roll(np.eye(count + 1), 1, axis=1)  # the first bit is that of none
    if not len(numbers):
        return which
    ranks = np.append(np.argsort(np.argsort(numbers)), -1)
    return np.concatenate([which, ranks[:, None] >= np.arange(1, count)], axis=1)


def _as_numbers(choices: Sequence[Choice]) -> list[float]:
    """Choices that are numbers, also as text; none if any is not."""
    try:
        numbers = [float(c) for c in choices if not isinstance(c, bool)]
    except ValueError:
        return []
    whole = len(numbers) == len(choices) and bool(np.isfinite(numbers).all())
    return numbers if whole else []


class Unpacked(NamedTuple):
    """The kernel's hyperparameters."""

    weights: np.ndarray  # [F], of each bit in the distance
    ranks_part: float  # of the distance of ranks, where choices are numbers
    scales: np.ndarray  # [2], variances of the two kernels
    lengths: np.ndarray  # [m], scales of the costs
    noise: float  # variance of an evaluation


class KernelHyperparameters:
    """The kernel's hyperparameters as one vector of unbounded numbers ``[t]``, with their prior.

    In order: log weights [P], logit of the ranks' part, log scales of the two kernels, log length
    scales of the costs [m], log noise variance.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        parameters = len(encoder.values)
        self.costs = costs = encoder.costs
        self.centre = np.concatenate(
            [
                np.full(parameters, np.log(2 / parameters)),
                [0.0],
                [np.log(0.7), np.log(0.3)],
                np.full(costs, np.log(1.5)),
                [np.log(0.02)],
            ]
        )
        spread = SPREAD_OF_LOG
        self.spread = np.concatenate(
            [
                np.full(parameters, spread["weight"]),
                [1.0],
                [spread["scale"]] * 2,
                np.full(costs, spread["length"]),
                [spread["noise"]],
            ]
        )
        self.parameters = parameters

    def split(self, point: np.ndarray) -> Unpacked:
        """What a point ``[t]`` says."""
        encoder, last = self.encoder, self.parameters + 3
        part = float(expit(point[self.parameters]))
        ranked = np.array(encoder.ranked)[encoder.owner]
        mixed = np.where(encoder.is_rank, part, np.where(ranked, 1 - part, 1.0))
        return Unpacked(
            np.exp(point[: self.parameters])[encoder.owner] * mixed * encoder.share,
            part,
            np.exp(point[self.parameters + 1 : last]),
            np.exp(point[last : last + self.costs]),
            float(np.exp(point[-1])),
        )


class _Nearness:
    """``exp`` of minus the weighted squared distances to some points.

    Args:
        points: ``[B, F]``.
        weights: ``[F]``.
    """

    def __init__(self, points: np.ndarray, weights: np.ndarray) -> None:
        self._weights = weights
        self._doubled = (2 * weights * points).T
        self._own = (points * points) @ weights

    def __call__(self, others: np.ndarray) -> np.ndarray:
        """``[A, B]`` for others ``[A, F]``."""
        exponents = others @ self._doubled
        exponents -= ((others * others) @ self._weights)[:, None]
        exponents -= self._own
        return np.exp(exponents, out=exponents)


def _squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared differences by column: [A, m], [B, m] -> [m, A, B]."""
    return (a.T[:, :, None] - b.T[:, None, :]) ** 2


class GaussianProcess:
    """A Gaussian process given observations; predictions are in the observations' unit.

    Args:
        hyperparameters: how the hyperparameters are laid out.
        inputs: of the n observations.
        values: ``[n]``.
        extra_noise: ``[n]``, variance beside the noise, in squared units of ``values``.
    """

    def __init__(
        self,
        hyperparameters: KernelHyperparameters,
        point: np.ndarray,
        inputs: Inputs,
        values: np.ndarray,
        extra_noise: np.ndarray | None = None,
    ) -> None:
        self.inputs = inputs
        self.mean = float(values.mean())
        self.unit = float(values.std()) or 1.0
        weights, _, self._scales, lengths, noise = hyperparameters.split(point)
        self._near = [_Nearness(inputs.bits, weights)]
        if hyperparameters.costs:
            self._near.append(_Nearness(inputs.costs, 0.5 / lengths**2))
        kernel = self._kernel(inputs)
        extra = 0.0 if extra_noise is None else extra_noise / self.unit**2
        kernel[np.diag_indices_from(kernel)] += noise + JITTER + extra
        factor = cholesky(kernel, lower=True, overwrite_a=True, check_finite=False)
        standard = (values - self.mean) / self.unit
        self._alpha = cho_solve((factor, True), standard, check_finite=False)
        # Multiplying by the inverse is twice as fast as solving, for very many candidates.
        self._inverse, _ = dtrtri(factor, lower=1)

    def predict(self, inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
        """Means and standard deviations ``[N]``, without the noise of an evaluation."""
        count = len(inputs.bits)
        mean, explained = np.empty(count), np.empty(count)
        for start in range(0, count, AT_ONCE):
            rows = slice(start, start + AT_ONCE)
            cross = self._kernel(Inputs(inputs.bits[rows], inputs.costs[rows]))  # [rows, n]
            mean[rows] = cross @ self._alpha
            half = dtrmm(1.0, self._inverse, cross.T, lower=1, overwrite_b=1).T  # [rows, n]
            explained[rows] = np.einsum("Nn,Nn->N", half, half)
        prior = self._scales[: len(self._near)].sum()
        variance = np.maximum(prior - explained, LEAST_VARIANCE)
        return self.mean + self.unit * mean, self.unit * np.sqrt(variance)

    def predict_mean(self, inputs: Inputs) -> np.ndarray:
        """Means ``[N]`` alone, which cost much less."""
        return self.mean + self.unit * (self._kernel(inputs) @ self._alpha)

    def _kernel(self, others: Inputs) -> np.ndarray:
        """Of others and the observations: ``[N, n]``."""
        kernel = self._near[0](others.bits)
        kernel *= self._scales[0]
        for near, scale in zip(self._near[1:], self._scales[1:], strict=False):
            by_cost = near(others.costs)
            by_cost *= scale
            kernel += by_cost
        return kernel


def fit(hyperparameters: KernelHyperparameters, inputs: Inputs, values: np.ndarray) -> np.ndarray:
    """The hyperparameters of greatest posterior density, from the prior's centre on."""
    standard = (values - values.mean()) / (values.std() or 1.0)
    squares = _squares(inputs.costs, inputs.costs)

    def loss(point: np.ndarray) -> tuple[float, np.ndarray]:
        return _negative_log_posterior(hyperparameters, point, inputs.bits, squares, standard)

    bounds = [
        (c - 4 * s, c + 4 * s)
        for c, s in zip(hyperparameters.centre, hyperparameters.spread, strict=True)
    ]
    found = minimize(
        loss,
        hyperparameters.centre,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": FIT_ITERATIONS},
    )
    return np.asarray(found.x)


def _negative_log_posterior(
    layout: KernelHyperparameters,
    point: np.ndarray,
    bits: np.ndarray,
    squares: np.ndarray,
    values: np.ndarray,
) -> tuple[float, np.ndarray]:
    """Its value and gradient ``[t]``, up to a constant."""
    encoder, count = layout.encoder, layout.parameters
    weights, part, scales, lengths, noise = layout.split(point)
    by_choice = scales[0] * _Nearness(bits, weights)(bits)
    by_cost = scales[1] * np.exp(-0.5 * np.tensordot(lengths**-2, squares, 1))
    if not layout.costs:
        by_cost = np.zeros_like(by_choice)
    kernel = by_choice + by_cost
    kernel[np.diag_indices_from(kernel)] += noise + JITTER
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
    gradient[count + 3 : count + 3 + layout.costs] = (
        0.5 * np.tensordot(squares, of_cost, 2) / lengths**2
    )
    gradient[-1] = 0.5 * noise * np.trace(outer)

    away = (point - layout.centre) / layout.spread
    likelihood = -0.5 * values @ alpha - np.log(np.diag(factor)).sum()
    return -likelihood + 0.5 * away @ away, -gradient + away / layout.spread
