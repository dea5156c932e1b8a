"""Asynchronous successive halving by stopping: what lags at a rung is stopped there, for good.

Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning" (ASHA,
https://arxiv.org/abs/1810.05934), in the form that Ray and Syne Tune have: a trial is judged when
it reaches a rung, and needs no checkpoint. :mod:`nas.schedulers.promotion` is the paper's own form.
With several objectives trials compare by :mod:`nas.schedulers.ranking`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Sequence

from nas.schedulers.ranking import place_of_last
from nas.schedulers.rung_rule import Decision
from nas.schedulers.rungs import Rungs


class SuccessiveHalving:
    """Says of each trial that reaches a rung whether it goes on.

    It does if it is among the best ``ceil(n / reduction_factor)`` of the ``n`` trials that reached
    that rung so far, itself included: the first one always does. Nothing is random, and a trial's
    place depends on who was there before it, not on their order (of equal ones, the first is
    better).

    Args:
        rungs: the epochs at which trials are compared, ascending.
        reduction_factor: of how many trials at a rung one goes on; above 1.

    Raises:
        ValueError: rungs that do not ascend from 1 or more, or a factor of 1 or less.
    """

    def __init__(self, rungs: Sequence[int], reduction_factor: float) -> None:
        self.rungs: Rungs[Hashable] = Rungs(rungs, reduction_factor)

    def report(self, number: Hashable, epoch: int, losses: Sequence[float]) -> Decision:
        """See :meth:`nas.schedulers.rung_rule.RungRule.report`; any key may stand for a number."""
        if epoch not in self.rungs.epochs:
            return "continue"
        self.rungs.note(number, epoch, losses)
        kept = math.ceil(self.rungs.share(epoch))
        return "continue" if place_of_last(self.rungs.losses(epoch)) < kept else "stop"

    def next(self, *, more_begin: bool, arriving: Collection[int]) -> int | None:
        """None waits."""
        return None

    def promote(self, number: int) -> None:
        """None waits."""

    def end(self, number: int) -> None:
        """Others are still compared with it."""

    def withdraw(self, number: Hashable) -> None:
        """See :meth:`nas.schedulers.rung_rule.RungRule.withdraw`."""
        self.rungs.forget(number)
