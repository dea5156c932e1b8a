"""The candidates among which an acquisition function chooses, within the limits on known costs.

Legend: N candidates, P parameters, m known costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from nas.random_streams import Stream, generator
from nas.samplers.choice_space import ChoiceSpace, KnownCosts
from nas.samplers.pool import Pool, descended, is_listed, mutated, reservoir

FEWEST_FITTING = 100
"""Where fewer of a large space's random candidates are within the limits, more are sought."""


class Candidates:
    """All candidates of a small space, or typical ones of a large space.

    Args:
        space: whose candidates these are.
        costs: what is known of each.
        limits: upper limits on known costs, inclusive, by name.
        seed: of the random ones.
    """

    def __init__(
        self, space: ChoiceSpace, costs: KnownCosts, limits: Mapping[str, float], seed: int
    ) -> None:
        self._space, self._costs, self._seed = space, costs, seed
        self.limits = np.array([limits.get(name, np.inf) for name in costs.names])

    @cached_property
    def listed(self) -> Pool:
        """All candidates of a small space, or random ones, whether they fit or not."""
        return reservoir(self._space, self._costs, self._seed)

    @property
    def is_listed_whole(self) -> bool:
        """Whether :attr:`listed` is the whole space."""
        return is_listed(self._space)

    @cached_property
    def fitting(self) -> Pool:
        """Those within the limits; where random candidates hardly are, some that are sought."""
        fitting = self.listed.some(self.within(self.listed.costs))
        if self.is_listed_whole or len(fitting.vectors) >= FEWEST_FITTING:
            return fitting
        rng = generator(self._seed, Stream.TIGHT_LIMITS)
        sought = descended(self._space, self._costs, self.listed, self._excess, FEWEST_FITTING, rng)
        return sought.some(self.within(sought.costs))

    @cached_property
    def rows(self) -> dict[bytes, int]:
        """Rows of :attr:`fitting` by a vector's bytes."""
        return {vector.tobytes(): row for row, vector in enumerate(self.fitting.vectors)}

    def within(self, costs: np.ndarray) -> np.ndarray:
        """Which rows of known costs ``[N, m]`` keep the limits ``[N]``."""
        return np.asarray((costs <= self.limits).all(axis=1))

    def mutations(self, parents: np.ndarray, number: int, rng: np.random.Generator) -> Pool:
        """Mutate parents ``[any, P]`` once or twice.

        Args:
            parents: vectors.
            number: how many mutations are made; as many as are distinct and within the limits are
                returned.
            rng: chooses parents and mutations.
        """
        chosen = parents[rng.integers(len(parents), size=number)]
        vectors = mutated(self._space.parameters, chosen, rng)
        twice = number // 2
        vectors[twice:] = mutated(self._space.parameters, vectors[twice:], rng)
        vectors = np.unique(vectors, axis=0)
        if self.is_listed_whole:
            rows = [self.rows.get(vector.tobytes()) for vector in vectors]
            return self.fitting.some(np.array([row for row in rows if row is not None], dtype=int))
        pool = Pool(vectors, self._costs.columns(vectors))
        return pool.some(self.within(pool.costs))

    def _excess(self, costs: np.ndarray) -> np.ndarray:
        """How far rows of known costs ``[N, m]`` are over the limits ``[N]``, 0 if they fit."""
        over = np.zeros(len(costs))
        for column, limit in enumerate(self.limits):
            beyond = np.maximum(costs[:, column] - limit, 0)
            over += beyond / max(np.ptp(self.listed.costs[:, column]), np.finfo(float).tiny)
        return over
