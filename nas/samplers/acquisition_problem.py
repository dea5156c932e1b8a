"""The problem of one proposal, which an acquisition function is computed from.

Legend: N candidates, n completed trials, d objectives, m known costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nas.samplers.pool import Pool
from nas.samplers.trials import Results


@dataclass(frozen=True)
class Objectives:
    """The objectives' indices: the main one, and the others, which may be known costs.

    The main objective is the first that is not known beforehand; only it counts as uncertain. Other
    objectives that must be measured count with their predicted mean.
    """

    main: int
    others: tuple[int, ...]
    columns: Mapping[int, int]
    """The column of the known costs, for each of ``others`` that is one."""
    signs: tuple[int, ...]
    """The factors from values to losses: -1 where an objective is maximised, else 1."""

    @classmethod
    def from_names(
        cls, names: Sequence[str], costs: Sequence[str], signs: Sequence[int], count: int
    ) -> Objectives:
        """Build from the objectives' names.

        Args:
            names: of the objectives; empty if the sampler was not given any.
            costs: names of the known costs.
            signs: one an objective.
            count: the number of objectives that results have.

        Raises:
            ValueError: the number of names is another.
        """
        names = names or ("",) * count
        if len(names) != count:
            raise ValueError(
                f"the sampler was given {len(names)} objectives ({', '.join(names)}), the study "
                f"has {count}"
            )
        uncertain = [index for index, name in enumerate(names) if name not in costs]
        main = uncertain[0] if uncertain else 0
        others = tuple(index for index in range(count) if index != main)
        columns = {i: list(costs).index(names[i]) for i in others if names[i] in costs}
        return cls(main, others, columns, tuple(signs))

    def known_losses(self, objective: int, pool: Pool) -> np.ndarray:
        """Return the losses ``[N]`` of candidates by a known objective."""
        return self.signs[objective] * pool.costs[:, self.columns[objective]]


@dataclass(frozen=True)
class Problem:
    """All that decides which candidate to evaluate next."""

    objectives: Objectives
    results: Results
    """The trials so far, at least two of them completed."""
    losses: np.ndarray
    """The completed trials' losses ``[n, d]``, smaller is better, all finite."""
    completed: Pool
    """The completed trials' candidates, in their order."""
    repeated: Pool
    """The candidates of ``results.repeats``, in their order."""
    pruned: Pool
    pending: Pool
    infeasible: Pool
    candidates: Pool
    """Typical candidates within the limits on known costs; they bound the known losses."""
    cost_limits: np.ndarray
    """Upper limits on the known costs ``[m]``, inclusive, infinite where there is none."""
    measured_limits: Mapping[str, float]
    """Upper limits on quantities that must be measured, by name, inclusive."""
    initial_trials: int
    """The number of first completed trials, which fix the scale of losses."""
    seed: int
    """Chooses the results that hyperparameters are fitted to, the same ones at each proposal."""

    @property
    def is_within_cost_limits(self) -> np.ndarray:
        """A mask ``[n]`` of the completed trials within the limits on known costs.

        Results of earlier studies and trials that a user enqueued may exceed them.
        """
        return np.asarray((self.completed.costs <= self.cost_limits).all(axis=1))
