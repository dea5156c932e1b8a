"""The candidates among which an acquisition function chooses, within the limits on known costs.

Legend: N candidates, P parameters, m known costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from nas.random_streams import Stream, generator
from nas.samplers.choice_space import ChoiceSpace, KnownCosts
from nas.samplers.pool import Pool, is_listed, mutated, mutated_towards_limits, reservoir

FEWEST_FITTING = 100
"""If fewer of a large space's random candidates are within the limits, more are searched for."""


class Candidates:
    """All candidates of a small space, or typical ones of a large space.

    Args:
        space: whose candidates these are.
        costs: the candidates' known costs.
        limits: upper limits on known costs, inclusive, by name.
        seed: of the random candidates.
    """

    def __init__(
        self, space: ChoiceSpace, costs: KnownCosts, limits: Mapping[str, float], seed: int
    ) -> None:
        self._space, self._costs, self._seed = space, costs, seed
        self.limits = np.array([limits.get(name, np.inf) for name in costs.names])

    @cached_property
    def listed(self) -> Pool:
        """All candidates of a small space, or random ones of a large space, fitting or not."""
        return reservoir(self._space, self._costs, self._seed)

    @property
    def is_listed_whole(self) -> bool:
        """Whether :attr:`listed` is the whole space."""
        return is_listed(self._space)

    @cached_property
    def fitting(self) -> Pool:
        """The candidates within the limits.

        Where hardly any random candidate is, mutations of the least excessive ones are added.
        """
        fitting = self.listed.take(self.within(self.listed.costs))
        if self.is_listed_whole or len(fitting.vectors) >= FEWEST_FITTING:
            return fitting
        rng = generator(self._seed, Stream.TIGHT_LIMITS)
        sought = mutated_towards_limits(
            self._space, self._costs, self.listed, self._excess, FEWEST_FITTING, rng
        )
        return sought.take(self.within(sought.costs))

    @cached_property
    def rows(self) -> dict[bytes, int]:
        """The row in :attr:`fitting` of each vector, by the vector's bytes."""
        return {vector.tobytes(): row for row, vector in enumerate(self.fitting.vectors)}

    def within(self, costs: np.ndarray) -> np.ndarray:
        """Return a mask ``[N]`` of the rows of known costs ``[N, m]`` within the limits."""
        return np.asarray((costs <= self.limits).all(axis=1))

    def mutations(self, parents: np.ndarray, number: int, rng: np.random.Generator) -> Pool:
        """Mutate parents ``[any, P]`` once or twice.

        Args:
            parents: vectors.
            number: how many mutations are made. Those returned are distinct and within the limits,
                so they may be fewer.
            rng: chooses parents and mutations.
        """
        chosen = parents[rng.integers(len(parents), size=number)]
        vectors = mutated(self._space.parameters, chosen, rng)
        twice = number // 2
        vectors[twice:] = mutated(self._space.parameters, vectors[twice:], rng)
        vectors = np.unique(vectors, axis=0)
        if self.is_listed_whole:
            rows = [self.rows.get(vector.tobytes()) for vector in vectors]
            return self.fitting.take(np.array([row for row in rows if row is not None], dtype=int))
        pool = Pool(vectors, self._costs.columns(vectors))
        return pool.take(self.within(pool.costs))

    def _excess(self, costs: np.ndarray) -> np.ndarray:
        """Return how far each row of known costs ``[N, m]`` is over the limits, 0 if it fits.

        Each cost's excess counts as a share of its range over the listed candidates.
        """
        over = np.zeros(len(costs))
        for column, limit in enumerate(self.limits):
            beyond = np.maximum(costs[:, column] - limit, 0)
            over += beyond / max(np.ptp(self.listed.costs[:, column]), np.finfo(float).tiny)
        return over
