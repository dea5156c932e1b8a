"""What becomes of a training at a rung, by either type of successive halving.

Trainings are known by their row of the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from nas.halving import SuccessiveHalving
from nas.promotion import Promotion

Halving = SuccessiveHalving | Promotion

Fate = Literal["continue", "stop", "pause"]
"""At a rung: ``pause`` waits, and may go on later; ``stop`` never does."""


class RungRule(Protocol):
    """Says who stops or waits, and who goes on of those that wait."""

    def reach(self, row: int, epoch: int, losses: Sequence[float]) -> Fate:
        """What a training does that has reached the rung ``epoch``; losses as there."""

    def next(self, *, begins: bool, runs: bool) -> int | None:
        """The training that waits and goes on now; None if none does.

        Args:
            begins, runs: see :meth:`nas.promotion.Promotion.next`.
        """


class Stopping:
    """Each is judged when it reaches a rung, and none waits."""

    def __init__(self, halving: SuccessiveHalving) -> None:
        self._halving = halving

    def reach(self, row: int, epoch: int, losses: Sequence[float]) -> Fate:
        """See :class:`RungRule`."""
        return self._halving.report(row, epoch, losses)

    def next(self, *, begins: bool, runs: bool) -> int | None:
        """See :class:`RungRule`."""
        return None


class Promoting:
    """All wait at a rung, until they are among the best."""

    def __init__(self, promotion: Promotion) -> None:
        self._promotion = promotion

    def reach(self, row: int, epoch: int, losses: Sequence[float]) -> Fate:
        """See :class:`RungRule`."""
        self._promotion.pause(row, epoch, losses)
        return "pause"

    def next(self, *, begins: bool, runs: bool) -> int | None:
        """See :class:`RungRule`."""
        row = self._promotion.next(begins=begins, runs=runs)
        if row is None:
            return None
        self._promotion.go_on(row)
        return row


def rule_of(halving: Halving) -> RungRule:
    """The rule of either type."""
    return Promoting(halving) if isinstance(halving, Promotion) else Stopping(halving)
