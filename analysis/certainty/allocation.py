"""Further seeds within some hours: those that make a front surer fastest, one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

_Option = tuple[int, int]  # a row, and seeds of it


class Allocated(NamedTuple):
    """Further seeds by the architecture's row, the first chosen first."""

    misclassified_now: float  # expected, by the same draws as afterwards
    seeds: Mapping[int, int]
    avoided: Mapping[int, float]  # expected wrong answers, given the seeds chosen before


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
    """Choose further seeds of a run's architectures; see :func:`allocate_rows`."""
    compared = certainty.compared
    probabilities = np.array([certainty.probabilities[each.arch_id] for each in compared])
    chosen = allocate_rows(certainty, probabilities, hours_each, hours, rng)
    further = [
        FurtherSeeds(compared[row], seeds, float(hours_each[row]), chosen.avoided[row])
        for row, seeds in chosen.seeds.items()
    ]
    return Allocation(chosen.misclassified_now, further)


def allocate_rows(
    certainty: FrontCertainty,
    probabilities: np.ndarray,
    hours_each: np.ndarray,
    hours: float,
    rng: np.random.Generator,
) -> Allocated:
    """Choose further seeds one addition at a time, by the misclassification avoided per hour.

    An addition is 1, 2 or 4 seeds of one architecture. The gain of each is that of a one-step
    lookahead, given the additions before it.

    Args:
        certainty: the joint distribution of n accuracies, and their costs.
        probabilities: ``[n]``, of being on the front.
        hours_each: ``[n]``, device-hours of a training of each.
        hours: device-hours to spend; no addition goes over them.
        rng: of the draws.
    """
    greedy = _Greedy(certainty, probabilities, hours_each, rng)
    return greedy.spend(hours)


class _Greedy:
    """Add the seeds with the highest gain an hour, again and again."""

    def __init__(
        self,
        certainty: FrontCertainty,
        probabilities: np.ndarray,
        hours_each: np.ndarray,
        rng: np.random.Generator,
    ) -> None:
        joint, costs = certainty.joint, certainty.costs
        draws = joint.draws(rng.standard_normal((FIRST_DRAWS, len(costs))))
        # Those that are on the front in no draw do not change it either.
        rows = np.flatnonzero(FrontOfDraws(costs).members(draws).any(axis=0))
        among = Joint(joint.mean[rows], joint.covariance[np.ix_(rows, rows)])
        self._lookahead = Lookahead(among, certainty.seed_variance, costs[rows], rng)
        self._place = {int(row): place for place, row in enumerate(rows)}
        doubts = np.minimum(probabilities, 1 - probabilities)[rows]
        unsure = rows[np.argsort(-doubts, kind="stable")][:MOST_UNSURE]
        self._hours_each = hours_each
        self._rates = {(int(row), n): np.inf for row in unsure for n in SEEDS_AT_ONCE}
        self._seeds: dict[int, int] = {}
        self._now = self._lookahead.now

    def spend(self, hours: float) -> Allocated:
        """Return the seeds that are chosen for some hours."""
        avoided: dict[int, float] = {}
        while (best := self._best(hours)) is not None:
            (row, count), after = best
            self._seeds[row] = self._seeds.get(row, 0) + count
            avoided[row] = avoided.get(row, 0.0) + self._now - after
            hours -= count * self._hours_each[row]
            self._now = after
        return Allocated(self._lookahead.now, self._seeds, avoided)

    def _best(self, hours: float) -> tuple[_Option, float] | None:
        """Return the best option within ``hours`` and the misclassification after it, or None.

        Gains seldom grow as seeds are added, so that an option is computed anew only while its
        last known rate is the highest (Minoux 1978, the accelerated greedy algorithm).
        """
        rates = {
            (row, count): rate
            for (row, count), rate in self._rates.items()
            if count * self._hours_each[row] <= hours
        }
        known: dict[_Option, float] = {}
        while rates:
            option = max(rates, key=lambda each: (rates[each], -each[0], -each[1]))
            if option in known:
                self._rates = rates
                return option, known[option]
            row, count = option
            after = known[option] = self._after(row, count)
            if self._now - after < LEAST_GAIN:
                del rates[option]
                continue
            rates[option] = (self._now - after) / (count * self._hours_each[row])
        return None

    def _after(self, row: int, count: int) -> float:
        """Return the misclassification after ``count`` more seeds of a row."""
        seeds = self._seeds | {row: self._seeds.get(row, 0) + count}
        return self._lookahead.after({self._place[each]: n for each, n in seeds.items()})
