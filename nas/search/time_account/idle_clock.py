"""The idle clock: seconds by the reason for which a worker without a job would be idle."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nas.evaluation.time_parts import TimePart

Reading = dict[str, float]
"""Seconds by reason since the clock was made; the difference of two is what passed in between."""


class IdleClock:
    """Run on, by one reason at a time; whether any worker is idle is another question.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._reasons: list[TimePart] = ["waiting_driver"]  # the usual one, then nested waits
        self._seconds: Reading = {}
        self._since = clock()

    def usually(self, reason: TimePart) -> None:
        """Set the reason outside of waits."""
        self._note()
        self._reasons[0] = reason

    @contextmanager
    def during(self, reason: TimePart) -> Iterator[None]:
        """Run by a reason while the block runs; blocks may nest."""
        self._note()
        self._reasons.append(reason)
        try:
            yield
        finally:
            self._note()
            self._reasons.pop()

    def reading(self) -> Reading:
        """Return the seconds by reason so far."""
        self._note()
        return dict(self._seconds)

    def since(self, before: Reading) -> Reading:
        """Return what passed since an earlier reading."""
        return difference(self.reading(), before)

    def _note(self) -> None:
        now = self._clock()
        reason = self._reasons[-1]
        self._seconds[reason] = self._seconds.get(reason, 0.0) + now - self._since
        self._since = now


def difference(later: Reading, before: Reading) -> Reading:
    """Return what passed between two readings."""
    return {reason: seconds - before.get(reason, 0.0) for reason, seconds in later.items()}
