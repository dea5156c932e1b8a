"""Grid search: every architecture of a small space, each once, in random order."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from nas.random_streams import Stream, generator
from nas.samplers.architecture_sampler import ArchitectureSampler
from nas.samplers.choice_space import ENUMERABLE, Candidate
from nas.samplers.trials import Results


class GridSampler(ArchitectureSampler):
    """Propose all architectures that fit the limits, each once, in random order.

    The order does not depend on results. Unlike random search it finds all of them in one pass.

    Raises:
        ValueError: the space is too large to list.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        if self.space.size > ENUMERABLE:
            raise ValueError(
                f"a grid needs a space of at most {ENUMERABLE:,} architectures, "
                f"{self.space.name!r} has {self.space.size:,}"
            )

    def propose(self, results: Results, rng: np.random.Generator) -> Candidate:
        """See :meth:`ArchitectureSampler.propose`."""
        if not results.proposed and self._order:
            for candidate in self.space.architectures():
                self.fits(candidate)  # records those that do not
        start = int(rng.integers(len(self._order))) if self._order else 0
        for candidate in (*self._order[start:], *self._order[:start]):
            if candidate not in results.proposed:
                return candidate
        return self.draw(results.proposed, rng)  # raises, and says why there is none

    @cached_property
    def _order(self) -> list[Candidate]:
        fitting = [c for c in self.space.architectures() if not self.violations(c)]
        order = generator(self.seed, Stream.GRID_ORDER).permutation(len(fitting))
        return [fitting[index] for index in order]
