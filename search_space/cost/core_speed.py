"""Detection of a core that something outside of this process slows.

A neighbour on the other hardware thread of a core, another guest of the same host, or a lower clock
takes no CPU time from a process, so no counter of its own shows them. Yet on shared machines they
make the same work take up to twice as long, for a tenth of a second or for seconds. The time of
fixed work, done between the measured passes, shows them.
"""

from __future__ import annotations

import time
from collections import deque

import torch

SLOWED = 1.1
"""The multiple of its fastest recent time from which fixed work counts as slowed."""

FIRST_LOOK_SECONDS = 0.5
"""The time in which a shared core usually reaches its full speed once."""

MEMORY_SECONDS = 20.0
"""The age at which a speed is forgotten: clocks sink as a machine warms up."""

PROBE_SIZE = 64
WARMING_PRODUCTS = 2  # bring the matrix and the code back into the caches
PROBE_PRODUCTS = 2
TIMINGS = 3  # the median counts, so that a clock or an interrupt may disturb one


class CoreSpeed:
    """Timer of fixed work, some 60 microseconds of arithmetic in the first caches.

    Not to be shared between threads.
    """

    def __init__(self) -> None:
        self._matrix = torch.full((PROBE_SIZE, PROBE_SIZE), 1 / PROBE_SIZE)
        self._fastest: deque[tuple[int, float]] = deque()  # (second, fastest of that second)
        self._looked = False

    def probe(self) -> float:
        """Do the fixed work once; return how long it took, in seconds."""
        if not self._looked:
            self._looked = True
            until = time.perf_counter() + FIRST_LOOK_SECONDS
            while time.perf_counter() < until:
                self._remember(self._timed())
        seconds = self._timed()
        self._remember(seconds)
        return seconds

    def is_slowed(self, seconds: float) -> bool:
        """Return whether a probe that took ``seconds`` was slowed, as far as known now."""
        return seconds > SLOWED * min(fastest for _, fastest in self._fastest)

    def _timed(self) -> float:
        with torch.inference_mode():
            for _ in range(WARMING_PRODUCTS):
                self._matrix @ self._matrix
            seconds = []
            for _ in range(TIMINGS):
                started = time.perf_counter()
                for _ in range(PROBE_PRODUCTS):
                    self._matrix @ self._matrix
                seconds.append(time.perf_counter() - started)
        return sorted(seconds)[TIMINGS // 2]

    def _remember(self, seconds: float) -> None:
        now = int(time.perf_counter())
        if self._fastest and self._fastest[-1][0] == now:
            seconds = min(seconds, self._fastest.pop()[1])
        self._fastest.append((now, seconds))
        while self._fastest[0][0] < now - MEMORY_SECONDS:
            self._fastest.popleft()
