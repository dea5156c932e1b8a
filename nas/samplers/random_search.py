"""Random search without repeats, the strategy that every other one must beat."""

from __future__ import annotations

import numpy as np

from nas.samplers.architecture_sampler import ArchitectureSampler
from nas.samplers.choice_space import Candidate
from nas.samplers.results import Results


class RandomSampler(ArchitectureSampler):
    """Draws from the space (``sample``) until a new architecture fits."""

    def propose(self, results: Results, rng: np.random.Generator) -> Candidate:
        """See :meth:`ArchitectureSampler.propose`."""
        return self.draw(results.proposed, rng)
