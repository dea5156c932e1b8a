"""Pools of candidates for an acquisition function: random ones, all of a space, and mutations.

Legend: N candidates, P parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from nas.random_streams import Stream, generator
from nas.samplers.choice_space import ENUMERABLE, ChoiceSpace, KnownCosts
from search_space.space.parameters import INACTIVE, Parameter, condition_tables

RESERVOIR = 2000
"""Random candidates that are drawn once from a space too large to list."""

DESCENT, DESCENDANTS = 40, 200
"""Steps towards candidates within tight limits, and the mutations in each step."""


class Pool(NamedTuple):
    """The vectors of some candidates, and their known costs."""

    vectors: np.ndarray  # [N, P]
    costs: np.ndarray  # [N, names]

    def take(self, rows: np.ndarray | slice) -> Pool:
        """Return the candidates at ``rows`` (indices, a mask or a slice)."""
        return Pool(self.vectors[rows], self.costs[rows])


def concatenated(pools: Sequence[Pool]) -> Pool:
    """Return one pool of all candidates of several pools."""
    return Pool(*(np.concatenate(columns) for columns in zip(*pools, strict=True)))


def is_listed(space: ChoiceSpace) -> bool:
    """Return whether :func:`reservoir` holds every candidate."""
    return space.is_irregular or space.size <= ENUMERABLE


def reservoir(space: ChoiceSpace, costs: KnownCosts, seed: int) -> Pool:
    """Return every candidate of a small space, or random distinct ones of a large space."""
    if is_listed(space):
        listed = list(space.architectures())
    else:
        rng = generator(seed, Stream.RESERVOIR)
        listed = list(dict.fromkeys(space.sample(rng) for _ in range(RESERVOIR)))
    vectors = np.array([space.encode(candidate) for candidate in listed])
    return Pool(vectors, costs.columns(vectors))


def mutated_towards_limits(
    space: ChoiceSpace,
    costs: KnownCosts,
    pool: Pool,
    excess: Callable[[np.ndarray], np.ndarray],
    enough: int,
    rng: np.random.Generator,
) -> Pool:
    """Add mutations of the least excessive candidates to ``pool`` until enough have no excess.

    Args:
        space: whose candidates these are.
        costs: the space's known costs.
        pool: the candidates to begin with.
        excess: maps costs ``[N, names]`` to how far each candidate is over the limits ``[N]``,
            0 if it is not.
        enough: candidates without excess; after ``DESCENT`` steps there may be fewer.
        rng: of the mutations.
    """
    known = {vector.tobytes() for vector in pool.vectors}
    for _ in range(DESCENT):
        over = excess(pool.costs)
        if (over == 0).sum() >= enough:
            break
        least = np.argsort(over, kind="stable")[:enough]
        parents = pool.vectors[rng.choice(least, DESCENDANTS)]
        vectors = []
        for vector in mutated(space.parameters, parents, rng):
            canonical = space.encode(space.decode(vector))
            if canonical.tobytes() not in known:
                known.add(canonical.tobytes())
                vectors.append(canonical)
        if vectors:
            new = np.array(vectors)
            pool = concatenated([pool, Pool(new, costs.columns(new))])
    return pool


def mutated(
    parameters: Sequence[Parameter],
    parents: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return ``parents [N, P]``, each with one random active parameter changed.

    Parameters that the change activates are drawn; those that it deactivates become inactive.
    """
    vectors = parents.copy()
    choices = np.array([len(parameter.choices) for parameter in parameters])
    may_change = (vectors != INACTIVE) & (choices > 1)
    column = np.where(may_change, rng.random(vectors.shape), -1.0).argmax(axis=1)
    step = 1 + (rng.random(len(vectors)) * (choices[column] - 1)).astype(np.int64)
    rows = np.arange(len(vectors))
    vectors[rows, column] = (vectors[rows, column] + step) % choices[column]
    for index, conditions in enumerate(condition_tables(parameters)):
        if not conditions:
            continue
        active = np.ones(len(vectors), dtype=bool)
        for earlier, holds in conditions:
            active &= holds[vectors[:, earlier]]
        drawn = rng.integers(choices[index], size=len(vectors))
        fresh = active & (vectors[:, index] == INACTIVE)
        vectors[:, index] = np.where(active, vectors[:, index], INACTIVE)
        vectors[fresh, index] = drawn[fresh]
    return vectors
