"""The acquisition function: expected hypervolume improvement, with exactly known costs.

Legend: N candidates, P parameters, K members of the front, d objectives.

Source: Emmerich, Deutz, Klinkenberg 2011, "Hypervolume-based Expected Improvement". Known costs
make it exact for any number of objectives, since only the main objective is uncertain.
"""

from __future__ import annotations

from dataclasses import dataclass

import moocore
import numpy as np

from nas.samplers.expected_hypervolume import (
    BoxDecomposition,
    box_decomposition,
    expected_hypervolume_improvement,
    expected_improvement,
)
from nas.samplers.pool import Pool
from nas.samplers.posterior import Posterior


@dataclass(frozen=True)
class AcquisitionFunction:
    """Expected improvement times the probability of feasibility; call it with candidates."""

    posterior: Posterior
    best: float
    """The least loss of the main objective on the front, at most the reference's."""
    boxes: BoxDecomposition | None
    """The part that the front does not dominate; None where only the main objective counts."""

    @classmethod
    def from_posterior(cls, posterior: Posterior, *, main_alone: bool) -> AcquisitionFunction:
        """Build the acquisition function.

        Args:
            posterior: predicts candidates' losses.
            main_alone: True for the expected improvement of the best main objective, whatever it
                costs; False for the expected hypervolume improvement. Without other objectives
                it is always the former.
        """
        front, reference = posterior.front, posterior.reference
        main, others = posterior.objectives.main, posterior.objectives.others
        best = float(np.append(front[:, main], reference[main]).min())
        if main_alone or not others:
            return cls(posterior, best, None)
        order = [main, *others]
        return cls(posterior, best, box_decomposition(front[:, order], reference[order]))

    def __call__(self, pool: Pool) -> np.ndarray:
        """Return the value ``[N]`` of each candidate's result, its noise included."""
        return self._value(pool, self.posterior.main.noise_variance)

    def _value(self, pool: Pool, noise_variance: float) -> np.ndarray:
        """Return what results are expected to add, ``[N]``; none is negative."""
        if not len(pool.vectors):
            return np.empty(0)
        posterior = self.posterior
        inputs = posterior.encoder(pool.vectors, pool.costs)
        mean, deviation = posterior.main.predict(inputs)
        deviation = np.sqrt(deviation**2 + noise_variance)
        feasible = posterior.probability_of_feasibility(inputs)
        if self.boxes is None:
            return feasible * expected_improvement(mean, deviation, np.asarray(self.best))
        others = posterior.objectives.others
        losses = np.stack([posterior.other_losses(i, pool, inputs) for i in others], axis=1)
        return feasible * expected_hypervolume_improvement(
            mean, deviation, losses, self.boxes, posterior.compression.undone(self.boxes.losses)
        )

    def growth(self, pool: Pool) -> np.ndarray | None:
        """Return what candidates are expected to add, ``[N]``, beside the luck of their trainings.

        With several objectives it is a share of the hypervolume of the present front, in which
        pending trials count with their predicted results; with one, it is the expected improvement
        in the objective's unit. None where only one of several objectives counts, or if no member
        of the front is better than the reference point.
        """
        if self.boxes is None:
            return None if self.posterior.objectives.others else self._value(pool, 0.0)
        posterior, main = self.posterior, self.posterior.objectives.main
        points = np.vstack([posterior.front, posterior.reference])
        points[:, main] = posterior.compression.undone(points[:, main])
        volume = moocore.hypervolume(points[:-1], ref=points[-1])
        return self._value(pool, 0.0) / volume if volume > 0 else None
