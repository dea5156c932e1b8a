"""Asynchronous successive halving by promotion: all pause at a rung, the best of them go on.

Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning" (ASHA, algorithm 2,
https://arxiv.org/abs/1810.05934). A paused trial may still go on when later ones have shown how
good it is, so that fewer are trained on that should not be than by stopping (:mod:`nas.halving`);
it needs a checkpoint. With several objectives trials compare by :mod:`nas.ranking`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

from nas.ranking import best_first
from nas.rungs import Rungs


class Promotion:
    """Says which paused trial goes on next.

    Args:
        rungs: the epochs at which trials pause, ascending.
        reduction_factor: of how many trials at a rung one goes on; above 1.

    Raises:
        ValueError: rungs that do not ascend from 1 or more, or a factor of 1 or less.
    """

    def __init__(self, rungs: Sequence[int], reduction_factor: float) -> None:
        self._rungs = Rungs(rungs, reduction_factor)
        self._gone_on: dict[int, set[Hashable]] = {epoch: set() for epoch in rungs}

    @property
    def rungs(self) -> tuple[int, ...]:
        """The epochs at which trials pause."""
        return self._rungs.epochs

    def pause(self, trial_key: Hashable, epoch: int, losses: Sequence[float]) -> None:
        """A trial has reached a rung, and waits there.

        Args:
            trial_key: names the trial.
            epoch: the rung.
            losses: one an objective, smaller is better; see :meth:`nas.rungs.Rungs.note`.

        Raises:
            ValueError: a loss is not finite, or there are more or fewer than before.
        """
        self._rungs.note(trial_key, epoch, losses)
        for before in self.rungs[: self.rungs.index(epoch)]:
            self._gone_on[before].add(trial_key)

    def leave(self, trial_key: Hashable) -> None:
        """A trial has ended, trained to its end or failed: it is compared with, and never goes on."""
        for gone_on in self._gone_on.values():
            gone_on.add(trial_key)

    def next(self, *, nothing_else: bool = False) -> Hashable | None:
        """The trial that goes on, from the highest rung that has one; None if none does yet.

        One does if it is among the best ``n // reduction_factor`` of the ``n`` trials that reached
        its rung so far, the best first.

        Args:
            nothing_else: nothing runs, and no further trial will come; then the share is rounded
                up, so that at least one trial is trained to the end.
        """
        for epoch in reversed(self.rungs):
            trials, gone_on = self._rungs.trials(epoch), self._gone_on[epoch]
            share = len(trials) / self._rungs.reduction_factor
            kept = math.ceil(share) if nothing_else else math.floor(share)
            if len(gone_on.intersection(trials)) >= len(trials) or not kept:
                continue
            for place in best_first(self._rungs.losses(epoch))[:kept]:
                if trials[place] not in gone_on:
                    gone_on.add(trials[place])
                    return trials[place]
        return None
