"""The interface of every rule that decides at rungs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, Protocol

Decision = Literal["continue", "stop", "pause"]
"""``continue`` trains on; ``pause`` waits at the rung for a promotion; ``stop`` ends the trial."""


class RungRule(Protocol):
    """Decides which trials stop or pause at a rung, and which paused ones are promoted.

    Trials are identified by their numbers. After a resume, the trials of earlier drivers are
    reported in the same way as new ones.
    """

    def report(self, number: int, epoch: int, losses: Sequence[float]) -> Decision:
        """Record a trial's losses after ``epoch`` epochs, and decide; between rungs it continues.

        A trial that was started anew and reports a rung again replaces its earlier report.

        Args:
            number: of the trial.
            epoch: finished epochs.
            losses: one an objective, smaller is better; the first one counts most where trade-offs
                are equally good (see :mod:`nas.schedulers.ranking`).

        Raises:
            ValueError: a loss is not finite, or there are more or fewer than before.
        """

    def next(self, *, more_begin: bool, arriving: Collection[int]) -> int | None:
        """Return the paused trial to promote; None if there is none yet.

        Args:
            more_begin: whether another trial will begin, now or later.
            arriving: the epochs at which the running trials will pause or end.
        """

    def promote(self, number: int) -> None:
        """Record that a paused trial continues, or was trained to its end already."""

    def end(self, number: int) -> None:
        """Record that a trial never continues; others are still compared with it."""

    def withdraw(self, number: int) -> None:
        """Forget a failed trial, as if it had not begun."""


class FullLength:
    """The rule without rungs: every trial is trained to its end. See :class:`RungRule`."""

    def report(self, number: int, epoch: int, losses: Sequence[float]) -> Decision:
        """Return ``continue``."""
        return "continue"

    def next(self, *, more_begin: bool, arriving: Collection[int]) -> int | None:
        """Return None: no trial pauses."""
        return None

    def promote(self, number: int) -> None:
        """Do nothing: no trial pauses."""

    def end(self, number: int) -> None:
        """Do nothing: trials are not compared."""

    def withdraw(self, number: int) -> None:
        """Do nothing: trials are not compared."""
