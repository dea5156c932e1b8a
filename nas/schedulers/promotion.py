"""Asynchronous successive halving by promotion: all trials pause at a rung, the best are promoted.

Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning" (ASHA, algorithm 2,
https://arxiv.org/abs/1810.05934). A paused trial may be promoted after later ones have shown how
good it is. So fewer trials are promoted wrongly than by stopping (:mod:`nas.schedulers.stopping`),
but a trial needs a checkpoint. With several objectives trials are ranked by
:mod:`nas.schedulers.ranking`.

Differs from the paper: no more than the share of a rung is ever promoted. There, a trial that is
among the best at the moment is promoted even if the share was promoted before it. So the cost of a
search is known beforehand (:func:`expected_epochs`).

Rung by rung, it is synchronous successive halving (Jamieson and Talwalkar 2016,
https://arxiv.org/abs/1502.07943), but no worker waits for the last trial of a rung.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from fractions import Fraction

from nas.schedulers.protocol import Decision
from nas.schedulers.ranking import best_first
from nas.schedulers.rungs import Rungs, exact_factor


class Promotion:
    """Decide which paused trial is promoted next.

    Args:
        rungs: the epochs at which trials pause, ascending.
        reduction_factor: one of so many trials is promoted at a rung; above 1.

    Raises:
        ValueError: the rungs do not ascend from 1 or more, or the factor is 1 or less.
    """

    def __init__(self, rungs: Sequence[int], reduction_factor: float) -> None:
        self.rungs: Rungs[int] = Rungs(rungs, reduction_factor)
        self._promoted: dict[int, set[int]] = {epoch: set() for epoch in rungs}
        self._ended: set[int] = set()

    def report(self, number: int, epoch: int, losses: Sequence[float]) -> Decision:
        """Pause every trial at a rung; see :meth:`nas.schedulers.protocol.RungRule.report`.

        Of equally good trials, the one with the smaller number is promoted first.
        """
        if epoch not in self.rungs.epochs:
            return "continue"
        self.rungs.note(number, epoch, losses)
        for before in self.rungs.epochs[: self.rungs.epochs.index(epoch)]:
            self._promoted[before].add(number)
        return "pause"

    def next(self, *, more_begin: bool, arriving: Collection[int]) -> int | None:
        """Return the trial to promote, from the highest rung that has one; None if none yet.

        Of ``n`` trials that reached a rung, ``n // reduction_factor`` are promoted: if fewer were,
        the best that waits there is. When nothing trains or begins any more, shares are rounded up,
        from the lowest rung on, so that at least one trial is trained to the end.

        Args:
            more_begin: whether another trial will begin, now or later.
            arriving: the epochs at which the running trials will pause or end.
        """
        for epoch in reversed(self.rungs.epochs):
            if (trial := self._best_waiting(epoch, math.floor)) is not None:
                return trial
        for epoch in () if more_begin or arriving else self.rungs.epochs:
            if (trial := self._best_waiting(epoch, math.ceil)) is not None:
                return trial
        return None

    def promote(self, number: int) -> None:
        """Record that a paused trial continues, or was trained to its end already."""
        for epoch in self.rungs.epochs:
            if self.rungs.reached(number, epoch):
                self._promoted[epoch].add(number)

    def end(self, number: int) -> None:
        """Record that a paused trial never continues; others are still compared with it."""
        self._ended.add(number)

    def withdraw(self, number: int) -> None:
        """Forget a failed trial, as if it had not begun."""
        self.rungs.forget(number)
        for promoted in self._promoted.values():
            promoted.discard(number)

    def _best_waiting(self, epoch: int, rounded: Callable[[Fraction], int]) -> int | None:
        """Return the best trial that waits at a rung, if less than the share was promoted."""
        trials, promoted = self.rungs.trials(epoch), self._promoted[epoch]
        if rounded(self.rungs.share(epoch)) <= len(promoted):
            return None
        left = promoted | self._ended
        if left.issuperset(trials):
            return None
        by_number = sorted(range(len(trials)), key=trials.__getitem__)
        order = best_first(self.rungs.losses(epoch)[by_number])
        return next(n for n in (trials[by_number[place]] for place in order) if n not in left)


class RungByRung(Promotion):
    """Promote from a rung only after all trials have begun; see :class:`Promotion`.

    It trains as many epochs as :class:`Promotion`, but none on trials that only look good because
    the better ones come later. There is no front until late. With about as many workers as trials
    the two do the same.

    Args:
        rungs, reduction_factor: see :class:`Promotion`.
        waits_for_all: promote no trial while another is on its way to its rung. Promotions then do
            not depend on which trial is faster, and workers may idle at the end of a rung.
    """

    def __init__(
        self, rungs: Sequence[int], reduction_factor: float, *, waits_for_all: bool = False
    ) -> None:
        super().__init__(rungs, reduction_factor)
        self._waits_for_all = waits_for_all

    def next(self, *, more_begin: bool, arriving: Collection[int]) -> int | None:
        """Return the trial to promote, from the lowest rung that has one; None if none yet.

        None is promoted before the last trial has begun. A rung's share is rounded up when no
        trial is on its way to the rung.
        """
        if more_begin:
            return None
        for epoch in self.rungs.epochs:
            is_full = all(other > epoch for other in arriving)
            if self._waits_for_all and not is_full:
                return None
            trial = self._best_waiting(epoch, math.ceil if is_full else math.floor)
            if trial is not None:
                return trial
        return None


def expected_epochs(trials: int, epochs: int, rungs: Sequence[int], reduction_factor: float) -> int:
    """Return how many epochs a search by promotion trains if no trial fails.

    Args:
        trials: of the search.
        epochs: of a whole training.
        rungs: the epochs at which trials pause, ascending.
        reduction_factor: one of so many trials is promoted at a rung.
    """
    total, before, factor = 0, 0, exact_factor(reduction_factor)
    for epoch in (*rungs, epochs):
        total += trials * (epoch - before)
        trials, before = math.ceil(trials / factor), epoch
    return total
