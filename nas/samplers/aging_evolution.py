"""Aging (regularised) evolution: the oldest leave the population, however good they are.

Source: Real, Aggarwal, Huang, Le 2019, "Regularized Evolution for Image Classifier Architecture
Search" (https://arxiv.org/abs/1802.01548), algorithm 1. Differs for several objectives: the parent
is a random one of the tournament's members that no other member dominates.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import moocore
import numpy as np

from nas.samplers.choice_space import Candidate
from nas.samplers.neighbour_sampler import NeighbourSampler
from nas.samplers.trials import Results


class AgingEvolutionSampler(NeighbourSampler):
    """Propose a mutation of the best of a random tournament among the latest results.

    Args:
        population_size: the latest results that can be parents; as many random architectures come
            first.
        tournament_size: members drawn from the population, of which the best becomes the parent.
    """

    def __init__(
        self, *args: Any, population_size: int = 50, tournament_size: int = 10, **settings: Any
    ) -> None:
        if not 1 <= tournament_size <= population_size:
            raise ValueError(
                "tournament_size must be from 1 to population_size, got "
                f"{tournament_size=}, {population_size=}"
            )
        super().__init__(*args, initial_trials=population_size, **settings)
        self.tournament_size = tournament_size

    def parents(self, results: Results, rng: np.random.Generator) -> Iterable[Candidate]:
        """Return the tournament's winners in random order."""
        alive = results.completed[-self.initial_trials :]
        entrants = rng.permutation(len(alive))[: self.tournament_size]
        winners = entrants[moocore.is_nondominated(results.losses[-len(alive) :][entrants])]
        return (alive[index].architecture for index in rng.permutation(winners))
