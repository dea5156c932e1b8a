"""Contrasts: the mean difference that a choice makes, as it is or at equal cost.

Both are linear in the quantity that is compared. Over M reference architectures with values ``f``,
a contrast is ``w @ f``; so a joint normal distribution of ``f`` gives its mean and deviation
exactly.

At equal cost, ``w`` is that of the choice's indicator in a least-squares fit of ``f`` to the
indicator and a cubic polynomial of the cost's logarithm (Frisch and Waugh 1933): what is left of
the difference once costs explain what they can.

Legend: M architectures, C contrasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from analysis.accuracy_model.model import Joint

DEGREE = 3
"""The degree of the polynomial of the cost's logarithm."""

LEAST_SHARE = 1e-6
"""The share of an indicator's variance that its cost must leave; else the two are one."""


class Estimate(NamedTuple):
    """A contrast with the standard deviation of its posterior."""

    mean: float
    deviation: float


def weights(
    has: np.ndarray, among: np.ndarray, log_cost: np.ndarray | None = None
) -> np.ndarray | None:
    """Return the weights ``[M]`` of the contrast of those that have a choice with the others.

    Args:
        has: a mask ``[M]``.
        among: a mask ``[M]`` of the architectures that are compared.
        log_cost: ``[M]``; None for the difference as it is.

    Returns:
        None if all or none of ``among`` have it, or its cost says who has it.
    """
    indicator = has[among].astype(float)
    if indicator.all() or not indicator.any():
        return None
    columns = [np.ones(len(indicator))]
    if log_cost is not None and np.ptp(log_cost[among]) > 0:
        scaled = log_cost[among] - log_cost[among].mean()
        scaled /= np.abs(scaled).max()
        columns += [scaled**power for power in range(1, DEGREE + 1)]
    basis, _ = np.linalg.qr(np.stack(columns, axis=1))
    rest = indicator - basis @ (basis.T @ indicator)
    if rest @ rest < LEAST_SHARE * (indicator @ indicator):
        return None
    contrast = np.zeros(len(has))
    contrast[among] = rest / (rest @ rest)
    return contrast


def estimates(contrasts: Sequence[np.ndarray], joint: Joint, own_variance: float) -> list[Estimate]:
    """Return each contrast of a quantity with a joint normal distribution.

    Args:
        contrasts: C weights ``[M]``.
        joint: of M architectures.
        own_variance: what each architecture varies by itself, beside ``joint``.
    """
    stacked = np.array(contrasts).reshape(len(contrasts), len(joint.mean))
    means = stacked @ joint.mean
    variances = np.einsum("cm,cm->c", stacked @ joint.covariance, stacked)
    variances += own_variance * (stacked**2).sum(axis=1)
    return [
        Estimate(float(mean), float(max(variance, 0.0) ** 0.5))
        for mean, variance in zip(means, variances, strict=True)
    ]
