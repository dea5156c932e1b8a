"""Breaks in a row: each is followed by a longer pause than the one before, and too many end it."""

from __future__ import annotations

from nas.errors import ClusterError
from nas.search.waiting import Waiting

MOST_BREAKS = 10
"""Work may break off so often in a row, without anything ended in between."""

FIRST_PAUSE_SECONDS = 1.0
"""The pause after the second break in a row; the first one has none."""

LONGEST_PAUSE_SECONDS = 60.0


class Breaks:
    """Count how often work broke off in a row, and give the machine time to recover.

    Args:
        work: what breaks off, as in "the search".
        remedy: how the user goes on, as in "continue with --resume".
        waiting: shows the pauses.
        patience_seconds: the longest pause.
    """

    def __init__(self, work: str, remedy: str, waiting: Waiting, patience_seconds: float) -> None:
        self._work = work
        self._remedy = remedy
        self._waiting = waiting
        self._longest_seconds = min(LONGEST_PAUSE_SECONDS, patience_seconds)
        self._in_a_row = 0

    def note(self, reason: str) -> None:
        """Record a break, and pause if it is not the first in a row.

        Raises:
            ClusterError: it is one too many.
        """
        self._in_a_row += 1
        if self._in_a_row > MOST_BREAKS:
            raise ClusterError(
                f"{self._work} broke off {self._in_a_row} times in a row, and no training ended in "
                f"between; the last time: {reason}; mend the machine, then {self._remedy}"
            )
        if self._in_a_row > 1:
            seconds = FIRST_PAUSE_SECONDS * 2.0 ** (self._in_a_row - 2)
            seconds = min(seconds, self._longest_seconds)
            with self._waiting.on(f"the machine to recover ({reason})", seconds, setting=""):
                self._waiting.sleep(seconds)

    def end(self) -> None:
        """Record that something ended: the next break is the first one."""
        self._in_a_row = 0
