"""Waiting: what a search waits for at present, as its progress line and messages say it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nas.evaluation.time_parts import TimePart
from nas.quantities import duration
from nas.search.time_account.idle_clock import IdleClock

log = logging.getLogger(__name__)

SHOWN_EVERY_SECONDS = 0.5


class Waiting:
    """Waiting names what a search waits for, since when, and for how long at most.

    One object serves the driver: what waits calls :meth:`on` and :meth:`sleep`, and what shows the
    progress reads :attr:`text`. Only the driver's main thread uses it.

    Attributes:
        reason: what it waits for and why, empty if it does not wait.
        since: ``time.monotonic()`` at the beginning of the wait.
        patience_seconds: the longest wait.
        beside: what some of its trials wait for while others may run, without a limit; empty if
            none do.
        on_change: is called while it waits, to show it.
        idle: runs by what is waited for, while it waits.
    """

    def __init__(self, on_change: Callable[[], None] | None = None) -> None:
        self.reason = ""
        self.since = 0.0
        self.patience_seconds = 0.0
        self.beside = ""
        self.on_change = on_change
        self.idle = IdleClock()

    @property
    def text(self) -> str:
        """The reason with the times, ``REASON, 12s of 10m 00s``; empty if it does not wait.

        What trials wait for beside it has no times.
        """
        if not self.reason:
            return self.beside
        return f"{self.reason}, {duration(self.waited)} of {duration(self.patience_seconds)}"

    @property
    def waited(self) -> float:
        """The seconds since the wait began; 0 if it does not wait."""
        return time.monotonic() - self.since if self.reason else 0.0

    @property
    def is_over(self) -> bool:
        """Whether the patience is at its end."""
        return self.waited >= self.patience_seconds

    @contextmanager
    def on(
        self,
        reason: str,
        patience_seconds: float,
        setting: str = "search.patience_minutes",
        part: TimePart = "waiting_machine",
    ) -> Iterator[None]:
        """Say, while the block runs, that the search waits; a log message has it too.

        Blocks may nest: the inner wait is shown until it ends.

        Args:
            reason: what it waits for and why, after the words "waiting for".
            patience_seconds: the longest wait; the block itself keeps to it.
            setting: the one that sets it; empty for a wait of fixed length.
            part: the part of the workers' time in which they are idle for it.
        """
        before = (self.reason, self.since, self.patience_seconds)
        self.reason, self.since = reason, time.monotonic()
        self.patience_seconds = patience_seconds
        log.warning(
            "waiting for %s; at most %s%s",
            reason,
            duration(patience_seconds),
            f" ({setting})" if setting else "",
        )
        self._show()
        try:
            with self.idle.during(part):
                yield
        finally:
            self.reason, self.since, self.patience_seconds = before
        self._show()  # not after an error: to show the progress may need what was waited for

    def note_beside(self, reason: str) -> None:
        """Say what some trials, or a measurement, wait for; empty if for nothing any more."""
        if reason != self.beside:
            self.beside = reason
            self._show()

    @contextmanager
    def shown_by(self, on_change: Callable[[], None]) -> Iterator[None]:
        """Show the waits of the block by ``on_change``."""
        before, self.on_change = self.on_change, on_change
        try:
            yield
        finally:
            self.on_change = before

    def sleep(self, seconds: float) -> None:
        """Sleep in a wait, no longer than its patience, and have it shown now and then."""
        end = time.monotonic() + min(seconds, max(0.0, self.patience_seconds - self.waited))
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, SHOWN_EVERY_SECONDS))
            self._show()

    def _show(self) -> None:
        if self.on_change is not None:
            self.on_change()
