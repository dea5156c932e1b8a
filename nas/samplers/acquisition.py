"""The acquisition function: how much better a search is expected to become by a candidate.

Legend: N candidates, K members of the front, d objectives.

Source: Emmerich, Deutz, Klinkenberg 2011, "Hypervolume-based Expected Improvement". Known costs
make it exact for any number of objectives, since the main objective alone is uncertain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nas.samplers.expected_hypervolume import (
    FreeBoxes,
    expected_improvement,
    free_boxes,
    hypervolume_improvement,
)
from nas.samplers.pool import Pool
from nas.samplers.posterior import Posterior


@dataclass(frozen=True)
class AcquisitionFunction:
    """What candidates are expected to add, times the probability that they keep measured limits.

    Call it with candidates.
    """

    posterior: Posterior
    best: float
    """The least loss of the main objective on the front, at most the reference's."""
    boxes: FreeBoxes | None
    """What the front does not dominate; None where the main objective alone counts."""

    @classmethod
    def from_posterior(cls, posterior: Posterior, *, main_alone: bool) -> AcquisitionFunction:
        """Build the expected growth of the front's hypervolume.

        Args:
            posterior: what is believed of candidates.
            main_alone: whether it is the expected improvement of the best main objective instead,
                whatever it costs. It always is where there is no other objective.
        """
        front, reference = posterior.front, posterior.reference
        main, others = posterior.objectives.main, posterior.objectives.others
        best = float(np.append(front[:, main], reference[main]).min())
        if main_alone or not others:
            return cls(posterior, best, None)
        order = [main, *others]
        return cls(posterior, best, free_boxes(front[:, order], reference[order]))

    def __call__(self, pool: Pool) -> np.ndarray:
        """What each of N candidates is expected to add ``[N]``; none is negative."""
        if not len(pool.vectors):
            return np.empty(0)
        posterior = self.posterior
        inputs = posterior.encoder(pool.vectors, pool.costs)
        mean, deviation = posterior.main.predict(inputs)
        likely = posterior.probability_within(inputs)
        if self.boxes is None:
            return likely * expected_improvement(mean, deviation, np.asarray(self.best))
        others = posterior.objectives.others
        losses = np.stack([posterior.other_losses(i, pool, inputs) for i in others], axis=1)
        return likely * hypervolume_improvement(mean, deviation, losses, self.boxes)
