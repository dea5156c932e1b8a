"""The interface of every rule that decides at rungs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, Protocol

Decision = Literal["continue", "stop", "pause"]
"""``pause`` waits at the rung, and may be promoted later; ``stop`` never trains on."""


class RungRule(Protocol):
    """Decides who stops or waits at a rung, and who trains on of those that wait.

    Trials are known by their numbers. A rule is told what earlier drivers' trials came to in the
    same way as what this one's do.
    """

    def report(self, number: int, epoch: int, losses: Sequence[float]) -> Decision:
        """Note a trial's losses after ``epoch`` epochs, and decide; where no rung is, it continues.

        A trial that reports a rung again (it was started anew) replaces what it reported before.

        Args:
            number: of the trial.
            epoch: finished epochs.
            losses: one an objective, smaller is better; the first one counts most where trade-offs
                are equally good (see :mod:`nas.schedulers.ranking`).

        Raises:
            ValueError: a loss is not finite, or there are more or fewer than before.
        """

    def next(self, *, more_begin: bool, arriving: Collection[int]) -> int | None:
        """The paused trial that trains on now; None if none does yet.

        Args:
            more_begin: a further trial is to begin, now or later.
            arriving: the epochs at which those that are being trained will pause, or end.
        """

    def promote(self, number: int) -> None:
        """A paused trial trains on, or was trained to its end already."""

    def end(self, number: int) -> None:
        """A trial never trains on; others are still compared with it."""

    def withdraw(self, number: int) -> None:
        """A trial failed: it counts no more, as if it had not been there."""


class FullLength:
    """The rule without rungs: every trial is trained to its end. See :class:`RungRule`."""

    def report(self, number: int, epoch: int, losses: Sequence[float]) -> Decision:
        """Always ``continue``."""
        return "continue"

    def next(self, *, more_begin: bool, arriving: Collection[int]) -> int | None:
        """None waits."""
        return None

    def promote(self, number: int) -> None:
        """None waits."""

    def end(self, number: int) -> None:
        """Nothing is compared."""

    def withdraw(self, number: int) -> None:
        """Nothing is compared."""
