"""Asynchronous successive halving: which trials go on at a rung. Plain values, no Ray, no ledger.

Sources: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning" (ASHA,
https://arxiv.org/abs/1810.05934), and for several objectives Schmucker et al. 2021,
"Multi-objective Asynchronous Successive Halving" (https://arxiv.org/abs/2106.12639): rank by
non-dominated sorting, and within a front by a greedy epsilon-net, the best of their rules.

Differs from both in that a trial is stopped at a rung for good, never paused and promoted later
(as in Ray's and Syne Tune's ASHA), and from Schmucker et al. in that the epsilon-net begins with
the member that is best in the first loss, not with a random one.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Literal

import moocore
import numpy as np

Decision = Literal["continue", "stop"]


def rungs_below(epochs: int, *, min_epochs: int, reduction_factor: int) -> tuple[int, ...]:
    """The epochs ``min_epochs * reduction_factor ** k`` before the last of ``epochs``, ascending.

    Raises:
        ValueError: ``min_epochs`` is under 1, or ``reduction_factor`` under 2.
    """
    if min_epochs < 1 or reduction_factor < 2:
        raise ValueError(
            "min_epochs must be at least 1 and reduction_factor at least 2, got "
            f"{min_epochs=}, {reduction_factor=}"
        )
    rungs = []
    rung = min_epochs
    while rung < epochs:
        rungs.append(rung)
        rung *= reduction_factor
    return tuple(rungs)


class SuccessiveHalving:
    """Says of each trial that reaches a rung whether it goes on.

    It does if it is among the best ``ceil(n / reduction_factor)`` of the ``n`` trials that reached
    that rung so far, itself included: the first one always does. Nothing is random, and a trial's
    rank depends on who was there before it, not on their order (of equal ones, the first is
    better).

    Args:
        rungs: the epochs at which trials are compared, ascending (see :func:`rungs_below`).
        reduction_factor: of how many trials at a rung one goes on; above 1.

    Raises:
        ValueError: rungs that do not ascend from 1 or more, or a factor of 1 or less.
    """

    def __init__(self, rungs: Sequence[int], reduction_factor: float) -> None:
        if list(rungs) != sorted(set(rungs)) or any(rung < 1 for rung in rungs):
            raise ValueError(f"rungs must be ascending epochs from 1 on, got {list(rungs)}")
        if not reduction_factor > 1:
            raise ValueError(f"reduction_factor must be above 1, got {reduction_factor}")
        self.rungs = tuple(rungs)
        self.reduction_factor = reduction_factor
        self._seen: dict[int, dict[Hashable, tuple[float, ...]]] = {rung: {} for rung in rungs}

    def report(self, trial_key: Hashable, epoch: int, losses: Sequence[float]) -> Decision:
        """Note where a trial is, and decide; it goes on wherever there is no rung.

        A trial that reports a rung again (it was started anew) replaces what it reported before.

        Args:
            trial_key: names the trial.
            epoch: finished epochs.
            losses: one an objective, smaller is better; the first one counts most where
                trade-offs are equally good (see :func:`spread`).

        Raises:
            ValueError: a loss is not finite, or there are more or fewer than before.
        """
        if epoch not in self._seen:
            return "continue"
        if not losses or not all(math.isfinite(loss) for loss in losses):
            raise ValueError(f"losses must be finite, one or more, got {list(losses)}")
        seen = self._seen[epoch]
        if seen and len(losses) != len(next(iter(seen.values()))):
            raise ValueError(
                f"trial {trial_key!r} has {len(losses)} losses at epoch {epoch}, those before had "
                f"{len(next(iter(seen.values())))}"
            )
        seen.pop(trial_key, None)
        seen[trial_key] = tuple(map(float, losses))
        kept = math.ceil(len(seen) / self.reduction_factor)
        rank = _rank_of_last(np.array(list(seen.values())))
        return "continue" if rank < kept else "stop"


def _rank_of_last(losses: np.ndarray) -> int:
    """The place of the last row of ``losses`` [N, objectives] from the best (0) to the worst.

    Fronts of non-dominated sorting come one after another, each in the order of :func:`spread`;
    only the last row's own is put in order.
    """
    fronts = moocore.pareto_rank(losses)
    before = int((fronts < fronts[-1]).sum())
    own = spread(losses, np.flatnonzero(fronts == fronts[-1]))
    return before + int(np.flatnonzero(own == len(losses) - 1)[0])


def spread(losses: np.ndarray, front: np.ndarray) -> np.ndarray:
    """The rows ``front`` of ``losses`` [N, objectives] in the order of a greedy epsilon-net.

    First the member with the smallest first loss, then again and again the one that is farthest
    from its nearest chosen one, each loss scaled by its range over the front, so that any first few
    spread over the front. Of equally far ones the lexicographically smaller comes first, of equal
    ones the earlier.
    """
    front = front[np.lexsort(losses[front].T[::-1])]  # stable: of equal rows the earlier first
    members = losses[front]
    spans = np.ptp(members, axis=0)
    scaled = (members - members.min(axis=0)) / np.where(spans > 0, spans, 1.0)
    distances = np.full(len(front), np.inf)
    order = []
    for _ in range(len(front)):
        chosen = int(np.argmax(distances))
        order.append(chosen)
        distances = np.minimum(distances, np.linalg.norm(scaled - scaled[chosen], axis=1))
        distances[order] = -np.inf
    return front[order]
