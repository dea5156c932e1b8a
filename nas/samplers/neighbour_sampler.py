"""The base of samplers that change one parameter of a chosen architecture."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from nas.errors import SpaceExhausted
from nas.samplers.architecture_sampler import ArchitectureSampler
from nas.samplers.choice_space import ENUMERABLE, Candidate
from nas.samplers.trials import Results


class NeighbourSampler(ArchitectureSampler):
    """Propose ``initial_trials`` random architectures, then random new neighbours of parents.

    A neighbour is drawn as a mutation is: first a parameter, uniformly, then a new value of it, so
    that a parameter with many values is not changed more often. Neighbours that were proposed
    before or do not fit are skipped.
    """

    def __init__(self, *args: Any, initial_trials: int, **settings: Any) -> None:
        super().__init__(*args, **settings)
        if initial_trials < 1:
            raise ValueError(f"initial_trials must be at least 1, got {initial_trials}")
        self.initial_trials = initial_trials

    @abstractmethod
    def parents(self, results: Results, rng: np.random.Generator) -> Iterable[Candidate]:
        """Return the architectures whose neighbours are tried, in that order.

        Args:
            results: with one completed trial or more, all of them within the limits.
            rng: this proposal's randomness.
        """

    def propose(self, results: Results, rng: np.random.Generator) -> Candidate:
        """See :meth:`ArchitectureSampler.propose`."""
        if len(results.proposed) < self.initial_trials or not results.completed:
            try:
                return self.draw(results.proposed, rng)
            except SpaceExhausted:  # under tight limits, a neighbour of a fitting one may still fit
                if not results.completed or self.space.size <= ENUMERABLE:
                    raise
        # Earlier results and trials that a user enqueued may be over the limits.
        within = [trial for trial in results.completed if not self.violations(trial.architecture)]
        for parent in self.parents(replace(results, completed=within), rng) if within else ():
            groups = list(self.space.changes(parent).values())
            for group in rng.permutation(len(groups)):
                for near in rng.permutation(len(groups[group])):
                    candidate = groups[group][near]
                    if candidate not in results.proposed and self.fits(candidate):
                        return candidate
        return self.draw(results.proposed, rng)
