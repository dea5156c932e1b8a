"""Concurrency after memory ran short: half as much runs at a time, and slowly more again."""

from __future__ import annotations

ENDED_TO_RECOVER = 3
"""After so many ended jobs for each that runs, one more may run at a time again."""


class Concurrency:
    """Say how many jobs may run at a time at present; without a shortage there is no limit."""

    def __init__(self) -> None:
        self._limit: int | None = None
        self._ended = 0  # jobs ended since the limit was last changed

    def most(self, usual: int) -> int:
        """Return how many jobs may run at a time, if ``usual`` ones may without a shortage."""
        return usual if self._limit is None else min(self._limit, usual)

    def halve(self, running: int) -> int:
        """Let half of the ``running`` jobs run at a time, one at least; return how many."""
        self._limit, self._ended = max(1, running // 2), 0
        return self._limit

    def end(self) -> None:
        """Record that a job ended."""
        self._ended += 1
        if self._limit is not None and self._ended >= ENDED_TO_RECOVER * self._limit:
            self._limit, self._ended = self._limit + 1, 0
