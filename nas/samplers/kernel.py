"""The kernel of the default sampler's surrogate, its hyperparameters and their prior.

The kernel is the sum of two. One compares choices: ``exp(-sum_i w_i d_i)``, where ``d_i`` is 0 for
equal choices of parameter i and 1 for different ones, mixed with the distance of their ranks where
choices are numbers (a kernel of 3 is nearer to 5 than to 7). The other, a squared exponential one,
compares the costs, by their logarithms where they are positive, and how many parameters of one kind
take each choice.

Legend: n observations, N candidates, F binary columns, m costs and counts, P parameters,
t hyperparameters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from nas.samplers.kernel_inputs import Encoder, Inputs

SPREAD_OF_LOG = {"weight": 1.5, "scale": 1.0, "length": 0.7, "noise": 1.5}
"""Standard deviations of the hyperparameters' log-normal priors."""


class KernelHyperparameters(NamedTuple):
    """The kernel's hyperparameters."""

    weights: np.ndarray  # [F], each bit's weight in the distance
    ranks_part: float  # share of the ranks' distance where choices are numbers, 0..1
    scales: np.ndarray  # [2], variances of the two kernels
    lengths: np.ndarray  # [m], scales of the costs and counts
    noise: float  # variance of an evaluation


class HyperparameterPrior:
    """The normal prior of the kernel's hyperparameters as one unbounded vector ``[t]``.

    The vector holds, in order: log weights [P], logit of the ranks' part, log scales of the two
    kernels, log length scales [m], log noise variance.

    Attributes:
        centre: means ``[t]``.
        spread: standard deviations ``[t]``.
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
                np.full(costs, np.log(1.5 * np.sqrt(max(1, costs)))),  # they add up
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

    def split(self, point: np.ndarray) -> KernelHyperparameters:
        """Return the hyperparameters that a vector ``[t]`` holds."""
        encoder, last = self.encoder, self.parameters + 3
        part = float(expit(point[self.parameters]))
        ranked = np.array(encoder.ranked)[encoder.owner]
        mixed = np.where(encoder.is_rank, part, np.where(ranked, 1 - part, 1.0))
        return KernelHyperparameters(
            np.exp(point[: self.parameters])[encoder.owner] * mixed * encoder.share,
            part,
            np.exp(point[self.parameters + 1 : last]),
            np.exp(point[last : last + self.costs]),
            float(np.exp(point[-1])),
        )


class SquaredExponential:
    """The kernel ``exp(-sum_f w_f (a_f - b_f)^2)`` to some points.

    Args:
        points: ``[B, F]``.
        weights: ``[F]``.
    """

    def __init__(self, points: np.ndarray, weights: np.ndarray) -> None:
        self._weights = weights
        self._doubled = (2 * weights * points).T
        self._own = (points * points) @ weights

    def __call__(self, others: np.ndarray) -> np.ndarray:
        """Return the kernel ``[A, B]`` of others ``[A, F]`` and the points."""
        exponents = others @ self._doubled
        exponents -= ((others * others) @ self._weights)[:, None]
        exponents -= self._own
        return np.exp(exponents, out=exponents)


def squared_differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return squared differences by column: [A, m], [B, m] -> [m, A, B]."""
    return (a.T[:, :, None] - b.T[:, None, :]) ** 2


class Kernel:
    """The kernel to n points, in units of the observations' variance.

    Args:
        prior: splits ``point`` into hyperparameters.
        point: the hyperparameters ``[t]``.
        inputs: of the n points.

    Attributes:
        variance: the kernel of a point to itself.
    """

    def __init__(self, prior: HyperparameterPrior, point: np.ndarray, inputs: Inputs) -> None:
        self._prior, self._point = prior, point
        weights, _, scales, lengths, _ = prior.split(point)
        self._by_choice = SquaredExponential(inputs.bits, weights)
        self._by_cost = SquaredExponential(inputs.costs, 0.5 / lengths**2) if prior.costs else None
        self._scales = scales
        self.variance = float(scales.sum() if prior.costs else scales[0])

    def __call__(self, others: Inputs) -> np.ndarray:
        """Return the kernel ``[N, n]`` of others and the points."""
        kernel = self._by_choice(others.bits)
        kernel *= self._scales[0]
        if self._by_cost is not None:
            by_cost = self._by_cost(others.costs)
            by_cost *= self._scales[1]
            kernel += by_cost
        return kernel

    def between(self, others: Inputs) -> np.ndarray:
        """Return the kernel ``[N, N]`` of others and themselves."""
        return Kernel(self._prior, self._point, others)(others)
