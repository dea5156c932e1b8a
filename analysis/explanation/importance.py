"""Functional analysis of variance: the shares of a quantity's variance that choices explain.

The share of a parameter is the variance of the means of its choices, over the reference's
variance; that of a pair is what the means of both choices together vary beyond the two alone. A
parameter that is active in some architectures only counts by their share of all.

Means over few architectures vary by chance, and that is subtracted: the share of a parameter that
does nothing is 0 on average, and an estimate may be below 0.

Source: Hutter, Hoos, Leyton-Brown 2014, "An Efficient Approach for Assessing Hyperparameter
Importance". The correction is that of epsilon squared (Kelley 1935).

Legend: M architectures, P parameters, S draws of the quantity.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analysis.explanation.contrasts import Estimate
from analysis.explanation.reference import Reference
from search_space.space.parameters import INACTIVE


class PairShare(NamedTuple):
    """The share that two parameters explain only together."""

    first: int  # indices of the parameters
    second: int
    share: Estimate


class Variances:
    """Compute shares of variance of draws of a quantity.

    Args:
        reference: the architectures.
        draws: ``[S, M]``; one draw of a quantity that is exactly known.
    """

    def __init__(self, reference: Reference, draws: np.ndarray) -> None:
        self._vectors = reference.vectors
        self._is_whole = reference.is_whole
        self._draws = draws
        self._total = np.maximum(draws.var(axis=1), np.finfo(float).tiny)

    def single(self) -> list[Estimate]:
        """Return the share of each parameter."""
        return [
            _estimate(self._of(self._vectors[:, index]) / self._total)
            for index in range(self._vectors.shape[1])
        ]

    def pairs(self) -> list[PairShare]:
        """Return the shares of all pairs that are active together, the largest first."""
        shares = []
        count = self._vectors.shape[1]
        for first in range(count):
            for second in range(first + 1, count):
                share = self._together(first, second)
                if share is not None:
                    shares.append(PairShare(first, second, share))
        return sorted(shares, key=lambda pair: -pair.share.mean)

    def _together(self, first: int, second: int) -> Estimate | None:
        active = (self._vectors[:, [first, second]] != INACTIVE).all(axis=1)
        one, other = np.where(active, self._vectors[:, [first, second]].T, INACTIVE)
        if len(np.unique(one[active])) < 2 or len(np.unique(other[active])) < 2:
            return None
        both = np.where(active, one * (other.max() + 1) + other, INACTIVE)
        extra = self._of(both) - self._of(one) - self._of(other)
        return _estimate(extra / self._total)

    def _of(self, levels: np.ndarray) -> np.ndarray:
        """Return the variance ``[S]`` of the means of levels ``[M]``, -1 where none is."""
        active = levels != INACTIVE
        values = self._draws[:, active]
        kinds, group = np.unique(levels[active], return_inverse=True)
        sizes = np.bincount(group)
        if len(kinds) < 2:
            return np.zeros(len(values))
        indicator = np.eye(len(kinds))[group]  # [active, kinds]
        means = values @ indicator / sizes  # [S, kinds]
        centre = values.mean(axis=1, keepdims=True)
        between = ((means - centre) ** 2) @ sizes
        free = len(group) - len(kinds)
        if not self._is_whole and free > 0:
            within = ((values - centre) ** 2).sum(axis=1) - between
            between = between - (len(kinds) - 1) * within / free
        return np.asarray(between / len(levels))


def _estimate(shares: np.ndarray) -> Estimate:
    return Estimate(float(shares.mean()), float(shares.std()))
