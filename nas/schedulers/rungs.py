"""Rungs: the epochs at which trials are compared, and the trials' losses at each of them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from fractions import Fraction
from typing import Generic, Literal, TypeVar, get_args

import numpy as np

Spacing = Literal["geometric", "even"]
"""``geometric``: each rung is ``reduction_factor`` times the one before; ``even``: there is a rung
every ``min_epochs``, which suits a factor near 1."""


def rungs_below(
    epochs: int, *, min_epochs: int, reduction_factor: float, spacing: Spacing = "geometric"
) -> tuple[int, ...]:
    """Return the rungs below ``epochs``, ascending from ``min_epochs`` on.

    Raises:
        ValueError: ``min_epochs`` is below 1, ``reduction_factor`` is 1 or less (with geometric
            spacing, no whole number), or ``spacing`` is unknown.
    """
    if spacing not in get_args(Spacing):
        raise ValueError(f"spacing must be {' or '.join(get_args(Spacing))}, got {spacing!r}")
    if min_epochs < 1:
        raise ValueError(f"min_epochs must be at least 1, got {min_epochs}")
    check_reduction_factor(reduction_factor, spacing)
    if spacing == "even":
        return tuple(range(min_epochs, epochs, min_epochs))
    rungs = []
    rung = min_epochs
    while rung < epochs:
        rungs.append(rung)
        rung *= int(reduction_factor)
    return tuple(rungs)


MOST_PARTS = 100
"""The largest denominator of a factor as a fraction: 1.333 is taken as 4/3."""


def exact_factor(reduction_factor: float) -> Fraction:
    """Return the reduction factor as a fraction, so that shares are free of rounding errors.

    Raises:
        ValueError: the factor is less than 1.01, or infinite.
    """
    if not 1 < reduction_factor < math.inf:
        raise ValueError(f"reduction_factor must be above 1 and finite, got {reduction_factor}")
    factor = Fraction(reduction_factor).limit_denominator(MOST_PARTS)
    if factor == 1:
        raise ValueError(f"reduction_factor must be at least 1.01, got {reduction_factor}")
    return factor


def check_reduction_factor(reduction_factor: float, spacing: Spacing) -> None:
    """Refuse a factor by which all trials continue, or rungs are no whole epochs.

    Raises:
        ValueError: see :func:`exact_factor`; with geometric spacing, it is no whole number.
    """
    exact_factor(reduction_factor)
    if spacing == "geometric" and reduction_factor != int(reduction_factor):
        raise ValueError(
            "reduction_factor must be a whole number where rungs are multiples of it (with "
            f"spacing even it need not), got {reduction_factor}"
        )


Key = TypeVar("Key", bound=Hashable)


class Rungs(Generic[Key]):
    """The losses of every trial at every rung that it reached, in the order of their reports.

    Args:
        epochs: the rungs, ascending (see :func:`rungs_below`).
        reduction_factor: one of so many trials continues at a rung; see :func:`exact_factor`.

    Raises:
        ValueError: the epochs do not ascend from 1 or more, or the factor is not valid.
    """

    def __init__(self, epochs: Sequence[int], reduction_factor: float) -> None:
        if list(epochs) != sorted(set(epochs)) or any(epoch < 1 for epoch in epochs):
            raise ValueError(f"rungs must be ascending epochs from 1 on, got {list(epochs)}")
        self.epochs = tuple(epochs)
        self.reduction_factor = exact_factor(reduction_factor)
        self._seen: dict[int, dict[Key, tuple[float, ...]]] = {epoch: {} for epoch in epochs}

    def note(self, trial_key: Key, epoch: int, losses: Sequence[float]) -> None:
        """Record a trial's losses at a rung, in place of those that it reported there before.

        Args:
            trial_key: identifies the trial.
            epoch: one of :attr:`epochs`.
            losses: one an objective, smaller is better; the first one counts most where
                trade-offs are equally good (see :mod:`nas.schedulers.ranking`).

        Raises:
            ValueError: a loss is not finite, or there are more or fewer than before.
        """
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

    def forget(self, trial_key: Key) -> None:
        """Forget a trial at all rungs."""
        for seen in self._seen.values():
            seen.pop(trial_key, None)

    def reached(self, trial_key: Key, epoch: int) -> bool:
        """Return whether a trial reached a rung."""
        return trial_key in self._seen[epoch]

    def share(self, epoch: int) -> Fraction:
        """Return how many of the trials at a rung continue, before rounding."""
        return len(self._seen[epoch]) / self.reduction_factor

    def trials(self, epoch: int) -> list[Key]:
        """Return the trials that reached a rung, in order."""
        return list(self._seen[epoch])

    def losses(self, epoch: int) -> np.ndarray:
        """Return the losses ``[N, objectives]`` of the N trials that reached a rung, in order."""
        return np.array(list(self._seen[epoch].values()))
