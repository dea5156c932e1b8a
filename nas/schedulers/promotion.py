"""Asynchronous successive halving by promotion: all pause at a rung, the best of them go on.

Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning" (ASHA, algorithm 2,
https://arxiv.org/abs/1810.05934). A paused trial may still go on when later ones have shown how
good it is, so that fewer are trained on that should not be than by stopping
(:mod:`nas.schedulers.halving`); it needs a checkpoint. With several objectives trials compare by
:mod:`nas.schedulers.ranking`.

Differs in that no more than the share ever goes on: there, whoever is among the best at the moment
does, although others did before it that are not among them any more. So what a search costs is
known beforehand (:func:`expected_epochs`).

Rung by rung, it is successive halving as it was before it became asynchronous (Jamieson and
Talwalkar 2016, https://arxiv.org/abs/1502.07943), but no worker waits for the last of a rung.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from fractions import Fraction

from nas.schedulers.ranking import best_first
from nas.schedulers.rung_rule import Decision
from nas.schedulers.rungs import Rungs, exact_factor


class Promotion:
    """Says which paused trial goes on next.

    Args:
        rungs: the epochs at which trials pause, ascending.
        reduction_factor: of how many trials at a rung one goes on; above 1.

    Raises:
        ValueError: rungs that do not ascend from 1 or more, or a factor of 1 or less.
    """

    def __init__(self, rungs: Sequence[int], reduction_factor: float) -> None:
        self.rungs: Rungs[int] = Rungs(rungs, reduction_factor)
        self._promoted: dict[int, set[int]] = {epoch: set() for epoch in rungs}
        self._ended: set[int] = set()

    def report(self, number: int, epoch: int, losses: Sequence[float]) -> Decision:
        """Every trial pauses at a rung; see :meth:`nas.schedulers.rung_rule.RungRule.report`.

        Of equally good ones the smaller number is promoted first.
        """
        if epoch not in self.rungs.epochs:
            return "continue"
        self.rungs.note(number, epoch, losses)
        for before in self.rungs.epochs[: self.rungs.epochs.index(epoch)]:
            self._promoted[before].add(number)
        return "pause"

    def next(self, *, more_begin: bool, arriving: Collection[int]) -> int | None:
        """The trial that should go on, from the highest rung that has one; None if none yet.

        Of ``n`` trials that reached a rung, ``n // reduction_factor`` go on: whenever that is more
        than have done so, the best of those that wait there. When nothing else is left, shares are
        rounded up, from the lowest rung on, so that at least one trial is trained to the end.

        Args:
            more_begin: a further trial is to begin, now or later.
            arriving: the epochs at which those that are being trained will pause, or end.
        """
        for epoch in reversed(self.rungs.epochs):
            if (trial := self._best_waiting(epoch, math.floor)) is not None:
                return trial
        for epoch in () if more_begin or arriving else self.rungs.epochs:
            if (trial := self._best_waiting(epoch, math.ceil)) is not None:
                return trial
        return None

    def promote(self, number: int) -> None:
        """A trial that waits goes on, or is trained to its end already."""
        for epoch in self.rungs.epochs:
            if self.rungs.reached(number, epoch):
                self._promoted[epoch].add(number)

    def end(self, number: int) -> None:
        """A trial that waits never goes on; others are still compared with it."""
        self._ended.add(number)

    def withdraw(self, number: int) -> None:
        """A trial failed: it counts no more, as if it had not been there."""
        self.rungs.forget(number)
        for promoted in self._promoted.values():
            promoted.discard(number)

    def _best_waiting(self, epoch: int, rounded: Callable[[Fraction], int]) -> int | None:
        """The best that waits at a rung, if fewer than its share have gone on from there."""
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
    """Who goes on is chosen among all that will ever be at a rung, but those still on their way.

    As many epochs as with :class:`Promotion`, but none for those that look good only because the
    better ones come later. There is no front until late, and with about as many workers as trials
    it is the same.

    Args:
        rungs, reduction_factor: see :class:`Promotion`.
        waits_for_all: none is promoted while another is on its way to its rung. Then who is
            promoted does not depend on which trial is the faster, and workers may idle at the end
            of a rung.
    """

    def __init__(
        self, rungs: Sequence[int], reduction_factor: float, *, waits_for_all: bool = False
    ) -> None:
        super().__init__(rungs, reduction_factor)
        self._waits_for_all = waits_for_all

    def next(self, *, more_begin: bool, arriving: Collection[int]) -> int | None:
        """The trial that should go on, from the lowest rung that has one; None if none yet.

        None does before the last trial has begun. A rung's share is rounded up when none is on its
        way to the rung any more.
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
    """How many epochs a search trains if none of its trials fails.

    Args:
        trials: architectures.
        epochs: of a whole training.
        rungs: where they pause, ascending.
        reduction_factor: of how many at a rung one goes on.
    """
    total, before, factor = 0, 0, exact_factor(reduction_factor)
    for epoch in (*rungs, epochs):
        total += trials * (epoch - before)
        trials, before = math.ceil(trials / factor), epoch
    return total
