"""Random search without repeats, the strategy that every other one must beat."""

from __future__ import annotations

import numpy as np

from nas.samplers.architecture_sampler import ArchitectureSampler, Told
from search_space.architecture import Architecture


class RandomSampler(ArchitectureSampler):
    """Draws from the space (``SearchSpace.sample``) until a new architecture fits."""

    def propose(
        self, told: list[Told], proposed: set[Architecture], rng: np.random.Generator
    ) -> Architecture:
        """See :meth:`ArchitectureSampler.propose`."""
        return self.draw(proposed, rng)
