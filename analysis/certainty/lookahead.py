"""Lookahead: how many fewer architectures are misclassified as on or off the front after seeds.

Were the mean of ``r`` further seeds of an architecture known, the joint distribution of accuracies
would be another, and with it each architecture's probability. The expected number of wrong
classifications afterwards is a mean over what those seeds may show, drawn from the model itself.

Draws given the seeds are made of draws without them (Matheron's rule): a draw ``f`` with its own
noise ``z`` becomes ``f + K (y - z)``, where ``y`` is what the seeds show and ``K`` the covariance
of ``f`` with them times the inverse covariance of theirs. All allocations are compared by the same
draws and outcomes (common random numbers), and seeds that tell nothing change nothing.

Sources: Frazier, Powell, Dayanik 2009, "The Knowledge-Gradient Policy for Correlated Normal
Beliefs". Wilson et al. 2020, "Efficiently Sampling Functions from Gaussian Process Posteriors",
equation 9: Matheron's rule.

Legend: n architectures, S draws, O outcomes, A architectures with further seeds.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from analysis.accuracy_model.model import Joint
from analysis.certainty.membership import FrontOfDraws, expected_misclassified

DRAWS, OUTCOMES = 256, 24


class Lookahead:
    """Expect the misclassification after further seeds.

    Args:
        joint: of the true accuracies of n architectures.
        seed_variance: of one evaluation.
        costs: ``[n]``, the front's known cost.
        rng: of the draws and outcomes.
    """

    def __init__(
        self, joint: Joint, seed_variance: float, costs: np.ndarray, rng: np.random.Generator
    ) -> None:
        n = len(joint.mean)
        self._covariance = joint.covariance
        self._seed_variance = seed_variance
        self._front = FrontOfDraws(costs)
        self._draws = joint.draws(rng.standard_normal((DRAWS, n)))
        self._outcomes = joint.draws(rng.standard_normal((OUTCOMES, n)))
        self._noise = rng.standard_normal((DRAWS, n))
        self._outcome_noise = rng.standard_normal((OUTCOMES, n))
        self.now = expected_misclassified(self._front.probabilities(self._draws))

    def after(self, seeds: Mapping[int, int]) -> float:
        """Return the expected misclassification after further seeds.

        Args:
            seeds: the number of further seeds, 1 or more, by the architecture's row.
        """
        if not seeds:
            return self.now
        rows = np.array(list(seeds))
        deviations = np.sqrt(self._seed_variance / np.array(list(seeds.values())))
        shown = self._covariance[np.ix_(rows, rows)].copy()
        shown[np.diag_indices_from(shown)] += deviations**2
        gain = cho_solve(cho_factor(shown, lower=True), self._covariance[rows])  # [A, n]
        own = self._draws[:, rows] + deviations * self._noise[:, rows]  # [S, A]
        outcomes = self._outcomes[:, rows] + deviations * self._outcome_noise[:, rows]  # [O, A]
        without = self._draws - own @ gain
        left = [
            expected_misclassified(self._front.probabilities(without + outcome @ gain))
            for outcome in outcomes
        ]
        return float(np.mean(left))
