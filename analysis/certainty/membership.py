"""Membership of the front of the evaluated architectures, by joint draws of their accuracies.

Legend: n architectures, S draws.
"""

from __future__ import annotations

import numpy as np


class FrontOfDraws:
    """Say who is on the front of accuracy against a known cost, in each of many draws.

    Args:
        costs: ``[n]``; less is better. The front's members are the most accurate at their own cost
            and below.
    """

    def __init__(self, costs: np.ndarray) -> None:
        self._order = np.argsort(costs, kind="stable")
        ascending = costs[self._order]
        self._starts = np.flatnonzero(np.r_[True, ascending[1:] > ascending[:-1]])
        self._group = np.cumsum(np.r_[False, ascending[1:] > ascending[:-1]])

    def members(self, accuracies: np.ndarray) -> np.ndarray:
        """Return a mask ``[S, n]`` of the members, given accuracies ``[S, n]``."""
        ascending = accuracies[:, self._order]
        best = np.maximum.reduceat(ascending, self._starts, axis=1)  # [S, groups of equal cost]
        cheaper = np.full_like(best, -np.inf)
        cheaper[:, 1:] = np.maximum.accumulate(best, axis=1)[:, :-1]
        is_new = best > cheaper
        mask = np.empty(accuracies.shape, dtype=bool)
        group = self._group
        mask[:, self._order] = (ascending == best[:, group]) & is_new[:, group]
        return mask

    def probabilities(self, accuracies: np.ndarray) -> np.ndarray:
        """Return the share ``[n]`` of draws ``[S, n]`` in which each architecture is a member."""
        return np.asarray(self.members(accuracies).mean(axis=0))


def expected_misclassified(probabilities: np.ndarray) -> float:
    """Return the expected number of wrong answers if each is given as the likelier of the two."""
    return float(np.minimum(probabilities, 1 - probabilities).sum())
