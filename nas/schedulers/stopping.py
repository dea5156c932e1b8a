"""Asynchronous successive halving by stopping: a trial that is not good enough ends at its rung.

Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning" (ASHA,
https://arxiv.org/abs/1810.05934), in the variant of Ray and Syne Tune: a trial is judged when it
reaches a rung, and needs no checkpoint. :mod:`nas.schedulers.promotion` is the paper's algorithm.
With several objectives trials are ranked by :mod:`nas.schedulers.ranking`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Sequence

from nas.schedulers.protocol import Decision
from nas.schedulers.ranking import place_of_last
from nas.schedulers.rungs import Rungs


class SuccessiveHalving:
    """Decide whether a trial that reaches a rung continues.

    It does if it is among the best ``ceil(n / reduction_factor)`` of the ``n`` trials that reached
    the rung so far, itself included; so the first one always does. Nothing is random, and a trial's
    rank depends on the trials before it, not on their order (of equal ones, the first is better).

    Args:
        rungs: the epochs at which trials are compared, ascending.
        reduction_factor: one of so many trials continues at a rung; above 1.

    Raises:
        ValueError: the rungs do not ascend from 1 or more, or the factor is 1 or less.
    """

    def __init__(self, rungs: Sequence[int], reduction_factor: float) -> None:
        self.rungs: Rungs[Hashable] = Rungs(rungs, reduction_factor)

    def report(self, number: Hashable, epoch: int, losses: Sequence[float]) -> Decision:
        """See :meth:`nas.schedulers.protocol.RungRule.report`; a number may be any key."""
        if epoch not in self.rungs.epochs:
            return "continue"
        self.rungs.note(number, epoch, losses)
        kept = math.ceil(self.rungs.share(epoch))
        return "continue" if place_of_last(self.rungs.losses(epoch)) < kept else "stop"

    def next(self, *, more_begin: bool, arriving: Collection[int]) -> int | None:
        """Return None: no trial pauses."""
        return None

    def promote(self, number: int) -> None:
        """Do nothing: no trial pauses."""

    def end(self, number: int) -> None:
        """Do nothing: others are still compared with the trial."""

    def withdraw(self, number: Hashable) -> None:
        """See :meth:`nas.schedulers.protocol.RungRule.withdraw`."""
        self.rungs.forget(number)
