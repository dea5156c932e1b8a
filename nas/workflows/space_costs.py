"""Costs of a search's space, before it starts, and the share of it within the limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nas.config.search_config import SearchConfig
from nas.costs.static_costs import StaticCosts
from nas.errors import NothingFits
from nas.metrics import whole_counts
from nas.quantities import format_quantity
from nas.random_streams import Stream, generator
from nas.workflows.image_fit import check_images
from search_space.space import SearchSpace

ALL_UP_TO = 5_000
"""In spaces up to this size, every architecture is costed."""

SAMPLED = 10_000
"""Architectures drawn from a larger space, as ``SearchSpace.sample`` draws."""


@dataclass(frozen=True)
class CostRange:
    """The range of one cost over the costed architectures."""

    least: float
    median: float
    most: float
    limit: float | None
    share_within: float  # the share within the limit; 1 without a limit


@dataclass(frozen=True)
class SpaceCosts:
    """The costs of all architectures of a space, or of a sample.

    ``ranges`` is by cost; ``vectors`` (int ``[N, P]``) and ``macs`` (float ``[N]``) are of those
    within all limits.
    """

    space: str
    size: int
    looked_at: int
    whole_space: bool
    ranges: dict[str, CostRange]
    share_within_all: float
    vectors: np.ndarray
    macs: np.ndarray


def space_costs(
    config: SearchConfig, costs: StaticCosts, *, at_most: int | None = None
) -> SpaceCosts:
    """Return the costs of all architectures of a small space, or of a random sample.

    Args:
        config: the search's.
        costs: its space's.
        at_most: architectures that are costed; None: up to :data:`ALL_UP_TO` all, else
            :data:`SAMPLED`.

    Raises:
        ConfigError: the latency table is not for this search, or an architecture cannot take
            the task's images.
    """
    check_images(costs.space, costs.task, seed=config.seed)
    is_whole = costs.space.size <= (ALL_UP_TO if at_most is None else at_most)
    rng = generator(config.seed, Stream.DRY_RUN)
    vectors = (
        _all_vectors(costs.space) if is_whole else _sample(costs.space, rng, at_most or SAMPLED)
    )
    columns = costs.columns(vectors)
    limits = config.limits.static(costs.names)
    fits = np.ones(len(vectors), dtype=bool)
    ranges = {}
    for name, column in zip(costs.names, columns.T, strict=True):
        limit = limits.get(name)
        within = np.ones(len(vectors), dtype=bool) if limit is None else column <= limit
        fits &= within
        least, median, most = _least_median_most(name, column)
        ranges[name] = CostRange(
            least,
            median,
            most,
            None if limit is None else whole_counts({name: limit})[name],
            float(within.mean()),
        )
    return SpaceCosts(
        costs.space.name,
        costs.space.size,
        len(vectors),
        is_whole,
        ranges,
        float(fits.mean()),
        vectors[fits],
        columns[fits, costs.names.index("macs")],
    )


def _least_median_most(name: str, column: np.ndarray) -> list[float]:
    """Return least, median and most of a column; an even number has the lower middle value."""
    values = np.quantile(column, [0, 0.5, 1], method="lower").tolist()
    return [whole_counts({name: value})[name] for value in values]


def check_fits(costs: SpaceCosts, config: SearchConfig) -> None:
    """Raise if no costed architecture is within the limits.

    Raises:
        NothingFits: the message has the smallest value of each limited cost.
    """
    if len(costs.vectors):
        return
    smallest = ", ".join(
        f"the smallest {name} is {format_quantity(each.least)}"
        for name, each in costs.ranges.items()
        if each.limit is not None
    )
    raise NothingFits(
        f"none of {costs.looked_at:,} architectures of {costs.space!r} fits the limits "
        f"({config.limits}): {smallest}"
    )


def _all_vectors(space: SearchSpace) -> np.ndarray:
    """Return the vectors ``[N, P]`` (int) of all architectures."""
    return np.array([space.encode(each) for each in space.architectures()])


def _sample(space: SearchSpace, rng: np.random.Generator, number: int) -> np.ndarray:
    """Return the vectors ``[number, P]`` (int) of drawn architectures."""
    walks = [space.walk(lambda p: int(rng.integers(len(p.choices)))) for _ in range(number)]
    return np.array(walks)
