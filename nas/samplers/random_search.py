"""Random search without repeats: the baseline of the other samplers."""

from __future__ import annotations

from typing import Any

import numpy as np

from nas.samplers.architecture_sampler import ArchitectureSampler
from nas.samplers.choice_space import Candidate
from nas.samplers.trials import Results
from search_space.nearest import hint

UNIFORM_OVER = ("choices", "architectures")


class RandomSampler(ArchitectureSampler):
    """Draw from the space until a new architecture fits.

    Args:
        uniform_over: "choices", where each type of primitive, each depth and each width is as
            likely as another; or "architectures", where each architecture is. Both are uniform
            over the rows of a table.
    """

    def __init__(self, *args: Any, uniform_over: str = "choices", **settings: Any) -> None:
        super().__init__(*args, **settings)
        if uniform_over not in UNIFORM_OVER:
            names = hint(uniform_over, UNIFORM_OVER)
            raise ValueError(f"uniform_over cannot be {uniform_over!r}; {names}")
        self.uniform_over = uniform_over

    def random_candidate(self, rng: np.random.Generator) -> Candidate:
        """See :class:`RandomSampler`."""
        if self.uniform_over == "architectures":
            return self.space.sample_architectures(rng)
        return super().random_candidate(rng)

    def propose(self, results: Results, rng: np.random.Generator) -> Candidate:
        """See :meth:`ArchitectureSampler.propose`."""
        return self.draw(results.proposed, rng)
