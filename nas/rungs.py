"""The epochs at which trainings are compared, and what was seen at each of them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

import numpy as np


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


Key = TypeVar("Key", bound=Hashable)


class Rungs(Generic[Key]):
    """The losses of every trial at every rung that it reached, in the order of their reports.

    Args:
        epochs: the rungs, ascending (see :func:`rungs_below`).
        reduction_factor: of how many trials at a rung one goes on; above 1.

    Raises:
        ValueError: epochs that do not ascend from 1 or more, or a factor of 1 or less.
    """

    def __init__(self, epochs: Sequence[int], reduction_factor: float) -> None:
        if list(epochs) != sorted(set(epochs)) or any(epoch < 1 for epoch in epochs):
            raise ValueError(f"rungs must be ascending epochs from 1 on, got {list(epochs)}")
        if not reduction_factor > 1:
            raise ValueError(f"reduction_factor must be above 1, got {reduction_factor}")
        self.epochs = tuple(epochs)
        self.reduction_factor = reduction_factor
        self._seen: dict[int, dict[Key, tuple[float, ...]]] = {epoch: {} for epoch in epochs}

    def note(self, trial_key: Key, epoch: int, losses: Sequence[float]) -> None:
        """Keep a trial's losses at a rung; those that it reported there before are replaced.

        Args:
            trial_key: names the trial.
            epoch: one of :attr:`epochs`.
            losses: one an objective, smaller is better; the first one counts most where
                trade-offs are equally good (see :mod:`nas.ranking`).

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
        """Leave a trial out, wherever it was seen."""
        for seen in self._seen.values():
            seen.pop(trial_key, None)

    def reached(self, trial_key: Key, epoch: int) -> bool:
        """Whether a trial was seen at a rung."""
        return trial_key in self._seen[epoch]

    def trials(self, epoch: int) -> list[Key]:
        """Who was seen at a rung, in order."""
        return list(self._seen[epoch])

    def losses(self, epoch: int) -> np.ndarray:
        """Their losses ``[N, objectives]``."""
        return np.array(list(self._seen[epoch].values()))
