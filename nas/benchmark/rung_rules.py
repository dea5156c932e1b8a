"""What becomes of a training at a rung, by each type of successive halving.

Trainings are known by their row of the table.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
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

    def next(self, *, more_begin: bool, arriving: Collection[int]) -> int | None:
        """The training that waits and goes on now; None if none does.

        Args:
            more_begin, arriving: see :meth:`nas.promotion.Promotion.next`.
        """


class Stopping:
    """Each is judged when it reaches a rung, and none waits."""

    def __init__(self, halving: SuccessiveHalving) -> None:
        self._halving = halving

    def reach(self, row: int, epoch: int, losses: Sequence[float]) -> Fate:
        """See :class:`RungRule`."""
        return self._halving.report(row, epoch, losses)

    def next(self, *, more_begin: bool, arriving: Collection[int]) -> int | None:
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

    def next(self, *, more_begin: bool, arriving: Collection[int]) -> int | None:
        """See :class:`RungRule`."""
        row = self._promotion.next(more_begin=more_begin, arriving=arriving)
        if row is None:
            return None
        self._promotion.go_on(row)
        return row


def rule_of(halving: Halving) -> RungRule:
    """The rule of a type."""
    return Promoting(halving) if isinstance(halving, Promotion) else Stopping(halving)
