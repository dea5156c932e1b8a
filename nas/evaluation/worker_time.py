"""The time of one worker, by its own clock: in the driver's calls, and between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from trainers import Stopwatch


class WorkerTime:
    """Measure what a worker does for each job in turn, and how long it waits for the driver.

    Args:
        clock: seconds that never go back.

    Attributes:
        stopwatch: measures the parts of a training, in a call.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self.stopwatch = Stopwatch(clock)
        self._returned: float | None = None  # when the last call ended

    def begin_job(self) -> None:
        """Begin to measure for another job: the wait since the last call belongs to it."""
        self.stopwatch.reset()

    def forget(self) -> None:
        """Begin anew, as if the driver had called nothing yet."""
        self.stopwatch.reset()
        self._returned = None

    @contextmanager
    def call(self) -> Iterator[None]:
        """Measure a call of the driver; all of it that no other part measures is preparation."""
        if self._returned is not None:
            self.stopwatch.add("waiting_driver", self._clock() - self._returned)
        try:
            with self.stopwatch.measuring("preparation"):
                yield
        finally:
            self._returned = self._clock()
