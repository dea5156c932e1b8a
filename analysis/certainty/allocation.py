"""Further seeds within some hours: those that make a front surer fastest, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from analysis.accuracy_model.model import Joint
from analysis.certainty.lookahead import Lookahead
from analysis.certainty.membership import FrontOfDraws
from analysis.certainty.run_certainty import FrontCertainty
from nas.storage.candidates import Candidate

SEEDS_AT_ONCE = (1, 2, 4)
"""Further seeds that are compared as one addition: where one seed alone cannot turn an answer, its
gain is next to nothing, and that of several is not."""

FIRST_DRAWS = 2048
"""Draws that say which architectures may be on the front at all."""

MOST_UNSURE = 30
"""The most architectures that further seeds are considered for, the least sure ones."""

LEAST_GAIN = 2e-3
"""Wrong answers that an addition must be expected to avoid: less is not told from none."""


class FurtherSeeds(NamedTuple):
    """Further seeds of one architecture."""

    candidate: Candidate
    seeds: int
    hours_each: float  # device-hours of one training
    avoided: float  # expected wrong answers that they avoid, given the seeds chosen before them

    @property
    def hours(self) -> float:
        """Device-hours of all its seeds."""
        return self.seeds * self.hours_each


class Allocation(NamedTuple):
    """The further seeds that are best for some hours."""

    misclassified_now: float  # expected, by the same draws as afterwards
    further: Sequence[FurtherSeeds]  # each architecture once, the first chosen first

    @property
    def hours(self) -> float:
        """Device-hours of all seeds."""
        return sum(each.hours for each in self.further)

    @property
    def misclassified_after(self) -> float:
        """Wrong answers that are expected once all seeds are trained."""
        return self.misclassified_now - sum(each.avoided for each in self.further)


def allocate(
    certainty: FrontCertainty,
    hours_each: np.ndarray,
    hours: float,
    rng: np.random.Generator,
) -> Allocation:
    """Choose further seeds one addition at a time, by the misclassification avoided per hour.

    An addition is 1, 2 or 4 seeds of one architecture. The gain of each is that of a one-step
    lookahead, given the additions before it.

    Args:
        certainty: the front's.
        hours_each: ``[n]``, device-hours of a training of each compared architecture.
        hours: device-hours to spend; no addition goes over them.
        rng: of the draws.
    """
    rows, lookahead = _relevant(certainty, rng)
    unsure = sorted(
        rows,
        key=lambda row: -_doubt(certainty.probabilities[certainty.compared[row].arch_id]),
    )[:MOST_UNSURE]
    place = {row: index for index, row in enumerate(rows)}
    seeds: dict[int, int] = {}  # by place
    chosen: dict[int, FurtherSeeds] = {}
    now = lookahead.now
    left = hours
    options = {(row, count): np.inf for row in unsure for count in SEEDS_AT_ONCE}  # gain an hour
    while True:
        options = {o: rate for o, rate in options.items() if o[1] * hours_each[o[0]] <= left}
        best = _best(options, now, seeds, lookahead, place, hours_each)
        if best is None:
            return Allocation(lookahead.now, list(chosen.values()))
        (row, count), after = best
        seeds[place[row]] = seeds.get(place[row], 0) + count
        left -= count * hours_each[row]
        known = chosen.get(row) or FurtherSeeds(
            certainty.compared[row], 0, float(hours_each[row]), 0.0
        )
        chosen[row] = known._replace(seeds=known.seeds + count, avoided=known.avoided + now - after)
        now = after


def _best(
    options: dict[tuple[int, int], float],
    now: float,
    seeds: dict[int, int],
    lookahead: Lookahead,
    place: dict[int, int],
    hours_each: np.ndarray,
) -> tuple[tuple[int, int], float] | None:
    """Return the best option and the misclassification after it; None if none gains enough.

    Gains seldom grow as seeds are added, so that an option is computed anew only while its last
    known rate is the highest (Minoux 1978, the accelerated greedy algorithm). ``options`` is
    updated.
    """
    fresh: dict[tuple[int, int], float] = {}
    while options:
        option = max(options, key=lambda each: (options[each], -each[0], -each[1]))
        if option in fresh:
            return option, fresh[option]
        row, count = option
        index = place[row]
        after = lookahead.after(seeds | {index: seeds.get(index, 0) + count})
        if now - after < LEAST_GAIN:
            del options[option]
            continue
        fresh[option] = after
        options[option] = (now - after) / (count * hours_each[row])
    return None


def _relevant(certainty: FrontCertainty, rng: np.random.Generator) -> tuple[list[int], Lookahead]:
    """Return the rows that may be on the front, and the lookahead among them alone."""
    joint, costs = certainty.joint, certainty.costs
    draws = joint.draws(rng.standard_normal((FIRST_DRAWS, len(costs))))
    rows = np.flatnonzero(FrontOfDraws(costs).members(draws).any(axis=0))
    among = Joint(joint.mean[rows], joint.covariance[np.ix_(rows, rows)])
    return rows.tolist(), Lookahead(among, certainty.seed_variance, costs[rows], rng)


def _doubt(probability: float) -> float:
    return min(probability, 1 - probability)
