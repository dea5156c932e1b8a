"""A stopwatch of several parts, of which one runs at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

TrainingPart = Literal["training", "evaluation", "loading"]
"""The parts of a training that :class:`trainers.Training` measures.

``training`` are the steps, ``evaluation`` is the evaluations of epochs with what batch
normalisation needs for them, and ``loading`` is reading images or waiting for those that are
decoded, in either.
"""


class Stopwatch:
    """Measure the parts that something's time goes to; a part within another one pauses that.

    The parts' sum is therefore the time in which any of them ran. One thread uses a stopwatch.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._seconds: dict[str, float] = {}
        self._running: list[str] = []  # the innermost last
        self._since = 0.0

    @contextmanager
    def measuring(self, part: str) -> Iterator[None]:
        """Add the block's time to a part, also if the block raises."""
        self._note()
        self._running.append(part)
        try:
            yield
        finally:
            self._note()
            self._running.pop()

    def add(self, part: str, seconds: float) -> None:
        """Add what was measured otherwise."""
        self._seconds[part] = self._seconds.get(part, 0.0) + seconds

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each part so far, those of the running ones included."""
        self._note()
        return dict(self._seconds)

    def of_part(self, part: str) -> float:
        """Return one part's seconds so far."""
        self._note()
        return self._seconds.get(part, 0.0)

    def reset(self) -> None:
        """Begin every part again at 0; those that run go on."""
        self._note()
        self._seconds.clear()

    def _note(self) -> None:
        """Add the time since the last call to the part that runs."""
        now = self._clock()
        if self._running:
            self.add(self._running[-1], now - self._since)
        self._since = now
