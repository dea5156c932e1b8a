"""Pareto local search: step from a member of the front to a neighbour that was not tried.

Source: Paquete, Chiarandini, Stuetzle 2004, "Pareto Local Optimum Sets in the Biobjective
Traveling Salesman Problem", with one neighbour at a time in random order, which suits
evaluations that are expensive and run in parallel.
"""

from __future__ import annotations

from typing import Any

import moocore
import numpy as np

from nas.constraints import SpaceExhausted
from nas.samplers.architecture_sampler import ENUMERABLE, ArchitectureSampler, Told
from search_space.architecture import Architecture


class ParetoLocalSearchSampler(ArchitectureSampler):
    """After ``initial_trials`` random ones, a random new neighbour of a random member of the front.

    A member's neighbour is drawn as a mutation is: a parameter first, uniformly, then a new value
    of it, so that a parameter with many values is not changed more often.
    """

    def __init__(self, *args: Any, initial_trials: int = 16, **settings: Any) -> None:
        super().__init__(*args, **settings)
        if initial_trials < 1:
            raise ValueError(f"initial_trials must be at least 1, got {initial_trials}")
        self.initial_trials = initial_trials

    def propose(
        self, told: list[Told], proposed: set[Architecture], rng: np.random.Generator
    ) -> Architecture:
        """See :meth:`ArchitectureSampler.propose`."""
        if len(proposed) < self.initial_trials or not told:
            try:
                return self.draw(proposed, rng)
            except SpaceExhausted:  # tight limits: what is near a fitting one may still fit
                if not told or self.space.size <= ENUMERABLE:
                    raise
        on_front = moocore.is_nondominated(np.array([trial.losses for trial in told]))
        members = [trial.architecture for trial, kept in zip(told, on_front, strict=True) if kept]
        for index in rng.permutation(len(members)):
            groups = list(self.space.changes(members[index]).values())
            for group in rng.permutation(len(groups)):
                for near in rng.permutation(len(groups[group])):
                    candidate = groups[group][near]
                    if candidate not in proposed and self.fits(candidate):
                        return candidate
        return self.draw(proposed, rng)
