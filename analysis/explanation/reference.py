"""The architectures over which effects of choices are averaged.

Legend: M architectures, P parameters, m costs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from nas.metrics import COUNTS
from search_space.architecture import Architecture
from search_space.space import SearchSpace

SIZE = 1000
"""Architectures of the reference; a space of no more is taken whole."""

FEWEST_WITHIN, ROUNDS = 100, 20
"""The fewest architectures within limits, among so many times ``SIZE`` that are drawn."""

Costs = Callable[[np.ndarray], np.ndarray]
"""Maps vectors ``[N, P]`` to params, macs and activations ``[N, 3]``."""


class Reference(NamedTuple):
    """Architectures of a space within some limits, choices as independent as those allow."""

    architectures: Sequence[Architecture]  # M
    vectors: np.ndarray  # [M, P], -1 where a parameter is inactive
    costs: np.ndarray  # [M, m], of ``nas.metrics.COUNTS``
    is_whole: bool  # whether these are all architectures of the space within the limits

    def cost(self, name: str) -> np.ndarray:
        """Return a cost ``[M]`` by its name."""
        return np.asarray(self.costs[:, COUNTS.index(name)])


class TooTightError(ValueError):
    """Hardly any architecture is within the limits; the message says how many of how many."""


def reference_of(
    space: SearchSpace, costs: Costs, limits: Mapping[str, float], rng: np.random.Generator
) -> Reference:
    """Return all architectures of a small space, or random ones, within limits.

    Random ones are uniform over choices, see :meth:`search_space.space.SearchSpace.sample`.

    Args:
        space: the space.
        costs: of its architectures.
        limits: inclusive, on some of ``nas.metrics.COUNTS``.
        rng: of the draws.

    Raises:
        TooTightError: fewer than ``FEWEST_WITHIN`` of 20,000 random ones are within the limits.
    """
    if space.size <= SIZE:
        listed = list(space.architectures())
        return _within(space, costs, limits, listed, is_whole=True)
    seen: dict[Architecture, None] = {}
    for _ in range(ROUNDS):
        drawn = dict.fromkeys(space.sample(rng) for _ in range(SIZE))
        seen |= dict.fromkeys(_within(space, costs, limits, list(drawn)).architectures)
        if len(seen) >= SIZE:
            break
    if len(seen) < FEWEST_WITHIN:
        raise TooTightError(
            f"{len(seen)} of {ROUNDS * SIZE:,} random architectures of {space.name!r} are within "
            f"the limits, and effects are averaged over {FEWEST_WITHIN} or more"
        )
    return _within(space, costs, limits, list(seen)[:SIZE])


def _within(
    space: SearchSpace,
    costs: Costs,
    limits: Mapping[str, float],
    architectures: Sequence[Architecture],
    *,
    is_whole: bool = False,
) -> Reference:
    vectors = np.array([space.encode(each) for each in architectures])
    columns = costs(vectors)
    kept = np.ones(len(vectors), dtype=bool)
    for name, limit in limits.items():
        kept &= columns[:, COUNTS.index(name)] <= limit
    rows = np.flatnonzero(kept).tolist()
    return Reference(
        [architectures[row] for row in rows], vectors[rows], columns[rows], is_whole=is_whole
    )
