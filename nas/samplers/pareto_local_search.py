"""Pareto local search: step from a member of the front to a neighbour that was not tried.

Source: Paquete, Chiarandini, Stuetzle 2004, "Pareto Local Optimum Sets in the Biobjective
Traveling Salesman Problem", with one neighbour at a time in random order, which suits
evaluations that are expensive and run in parallel.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import moocore
import numpy as np

from nas.samplers.choice_space import Candidate
from nas.samplers.neighbour_sampler import NeighbourSampler
from nas.samplers.trials import Results


class ParetoLocalSearchSampler(NeighbourSampler):
    """Propose a random new neighbour of a random member of the front.

    Args:
        initial_trials: random proposals before the first neighbour.
    """

    def __init__(self, *args: Any, initial_trials: int = 16, **settings: Any) -> None:
        super().__init__(*args, initial_trials=initial_trials, **settings)

    def parents(self, results: Results, rng: np.random.Generator) -> Iterable[Candidate]:
        """Return the front's members in random order."""
        on_front = np.flatnonzero(moocore.is_nondominated(results.losses))
        return (results.completed[index].architecture for index in rng.permutation(on_front))
