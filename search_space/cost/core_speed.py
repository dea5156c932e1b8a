"""Whether something outside of this process slows the core that it runs on.

A neighbour on the other hardware thread of a core, another guest of the same host, or a lower clock
takes no CPU time from a process, so no counter of its own shows them; yet on shared machines they
make the same work take up to twice as long, for a tenth of a second or for seconds. Fixed work,
timed beside what is measured, does show them.
"""

from __future__ import annotations

import time
from collections import deque

import torch

SLOWED = 1.1
"""Fixed work that takes this many times its fastest recent time was slowed from outside."""

FIRST_LOOK_SECONDS = 0.5
"""Long enough to see a shared core at its full speed once, mostly."""

MEMORY_SECONDS = 20.0
"""A speed that was last seen longer ago is not waited for: clocks sink as a machine warms up."""

PROBE_SIZE = 64
WARMING_PRODUCTS = 2  # bring the matrix and the code back into the caches
PROBE_PRODUCTS = 2
TIMINGS = 3  # of which the median counts, whatever a clock or an interrupt did to one


class CoreSpeed:
    """Times fixed work, some 60 microseconds of arithmetic in the first caches, and remembers.

    Not to be shared between threads.
    """

    def __init__(self) -> None:
        self._matrix = torch.full((PROBE_SIZE, PROBE_SIZE), 1 / PROBE_SIZE)
        self._fastest: deque[tuple[int, float]] = deque()  # (second, fastest of that second)
        self._looked = False

    def probe(self) -> float:
        """Do the fixed work once; how long it took, in seconds."""
        if not self._looked:
            self._looked = True
            until = time.perf_counter() + FIRST_LOOK_SECONDS
            while time.perf_counter() < until:
                self._remember(self._timed())
        seconds = self._timed()
        self._remember(seconds)
        return seconds

    def is_slowed(self, seconds: float) -> bool:
        """Whether a probe that took ``seconds`` was slowed, by all that is known now."""
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
