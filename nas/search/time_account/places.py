"""The places of a search's workers: the driver's share of the account of their time.

A search holds as many places as it runs trials at a time. At every moment a place is empty, has a
job for which no worker has started yet, or has a worker. A worker measures itself, from its start
to the end of its last job, the waits in between included, and reports that with each job; the
driver measures the rest. Nobody's figure is what the others leave.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from nas.evaluation.time_parts import TimePart, sum_of
from nas.search.job import Job
from nas.search.time_account.idle_clock import IdleClock, Reading, difference


class PlacesTime(NamedTuple):
    """The driver's account of its places, since they were opened."""

    wall_seconds: float
    places: int
    seconds: Mapping[str, float]  # of what the driver measures, by part
    ended: int  # jobs, failed ones too, but none whose worker was lost
    running: int  # jobs that a worker has begun
    running_seconds: float  # of these, until now; their workers account for it when they end


@dataclass
class _Attempt:
    """A job in a place."""

    since: float  # when the place got it
    idle_before: Reading  # the idle clock's at that moment
    looked: float  # until when ``starting`` is known
    starting: dict[str, float] = field(default_factory=dict)  # without a worker
    begun: float | None = None  # when a worker began it
    reused: Reading | None = None  # why the worker was idle before; None if it is new
    worker: str = ""


class _Empty(NamedTuple):
    """A place without a job."""

    since: Reading  # the idle clock's when it became empty
    worker: str  # that had the last job; empty if there was none, or it died


class Places:
    """Account for the places of a search.

    Nothing is accounted for until they are opened; an executor that does not tell when a worker
    begins a job (a table on a simulated clock) need not open them.

    Args:
        idle: says why an empty place is empty.
        clock: seconds that never go back.
    """

    def __init__(self, idle: IdleClock, clock: Callable[[], float] = time.monotonic) -> None:
        self._idle = idle
        self._clock = clock
        self._opened: float | None = None
        self._number = 0
        self._empty: list[_Empty] = []
        self._attempts: dict[Job, _Attempt] = {}
        self._spent: dict[str, float] = {}
        self._ended = 0

    @property
    def number(self) -> int:
        """The number of places; 0 if they are not open."""
        return self._number

    def open(self, number: int) -> None:
        """Begin to account for so many empty places."""
        self._opened, self._number = self._clock(), number
        self._empty = [_Empty(self._idle.reading(), "")] * number
        self._spent, self._ended = {}, 0

    def close(self) -> PlacesTime:
        """End the account: what runs now is lost, since it begins again later."""
        for job in list(self._attempts):
            self._add({"lost": self.lose(job)})
        closed = self.reading()
        self._opened, self._number, self._empty = None, 0, []
        return closed

    def begin(self, job: Job) -> None:
        """Record that a place gets a job."""
        if self._opened is not None:
            now = self._clock()
            self._attempts[job] = _Attempt(now, self._idle.reading(), now)

    def look(self, without_resources: int) -> None:
        """Divide the time since the last look of the jobs that have no worker.

        Args:
            without_resources: how many of them wait for CPUs or GPUs; for the others, the worker's
                process starts.
        """
        now = self._clock()
        waiting = [each for each in self._attempts.values() if each.begun is None]
        started = len(waiting) - without_resources
        for number, attempt in enumerate(waiting):
            _start(attempt, now, "waiting_start" if number < started else "waiting_cpus")

    def started(self, job: Job, worker: str) -> None:
        """Record that a worker begins a job; only the first call for a job counts.

        Args:
            job: in a place.
            worker: its name; one that had a job before measures its own wait.
        """
        attempt = self._attempts.get(job)
        if attempt is None or attempt.begun is not None:
            return
        attempt.begun, attempt.worker = self._clock(), worker
        empty = self._leave_empty(worker)
        if empty.worker == worker:
            attempt.reused = difference(attempt.idle_before, empty.since)
        else:
            self._add(difference(attempt.idle_before, empty.since))
            self._add(self._starting(attempt, attempt.begun))

    def end(self, job: Job, seconds: Mapping[str, float]) -> dict[str, float]:
        """Record that a job has ended, and return the seconds of its worker by part.

        Args:
            job: in a place.
            seconds: as the worker measured them. It does not know for which of the time between two
                jobs there was none to give, or the driver waited itself.
        """
        attempt = self._attempts.pop(job, None)
        total = dict(seconds)
        if attempt is None:
            return total
        if attempt.begun is None:
            self._end_start(attempt)
        for reason, waited in (attempt.reused or {}).items():
            if reason != "waiting_driver":
                moved = min(waited, total.get("waiting_driver", 0.0))
                total[reason] = total.get(reason, 0.0) + moved
                total["waiting_driver"] = total.get("waiting_driver", 0.0) - moved
        self._ended += 1
        self._idle.usually("waiting_driver")
        self._empty.append(_Empty(self._idle.reading(), attempt.worker))
        return total

    def lose(self, job: Job) -> float:
        """Record that a job's worker was lost, and return the seconds that it had worked on it."""
        attempt = self._attempts.pop(job, None)
        if attempt is None:
            return 0.0
        now = self._clock()
        self._empty.append(_Empty(self._idle.reading(), ""))
        if attempt.begun is None:
            self._end_start(attempt)
            return 0.0
        if attempt.reused is not None:  # it cannot report these any more
            self._add(attempt.reused)
            self._add({"waiting_driver": attempt.begun - attempt.since})
        return now - attempt.begun

    def worked_seconds(self, job: Job) -> float:
        """Return the seconds since a worker began a job; 0 while none has."""
        attempt = self._attempts.get(job)
        if attempt is None or attempt.begun is None:
            return 0.0
        return self._clock() - attempt.begun

    def reading(self) -> PlacesTime:
        """Return the account until now."""
        assert self._opened is not None
        now = self._clock()
        idle = self._idle.reading()
        spent = [self._spent, *(difference(idle, empty.since) for empty in self._empty)]
        running, running_seconds = 0, 0.0
        for attempt in self._attempts.values():
            if attempt.begun is None:
                # its place still counts among the empty ones, until now instead of its beginning
                spent.append(self._starting(attempt, now))
                since = difference(idle, attempt.idle_before)
                spent.append({reason: -seconds for reason, seconds in since.items()})
                continue
            running += 1
            running_seconds += now - attempt.begun
            if attempt.reused is not None:
                running_seconds += attempt.begun - attempt.since + sum(attempt.reused.values())
        seconds = {part: each for part, each in sum_of(spent).items() if each}
        wall_seconds = now - self._opened
        return PlacesTime(
            wall_seconds, self._number, seconds, self._ended, running, running_seconds
        )

    def _end_start(self, attempt: _Attempt) -> None:
        """Account for a job that ends before a worker began it."""
        empty = self._leave_empty("")
        self._add(difference(attempt.idle_before, empty.since))
        self._add(self._starting(attempt, self._clock()))

    def _starting(self, attempt: _Attempt, until: float) -> dict[str, float]:
        """Return the seconds for which a job had no worker, up to ``until``."""
        rest = until - attempt.looked
        return attempt.starting | {
            "waiting_start": attempt.starting.get("waiting_start", 0.0) + rest
        }

    def _leave_empty(self, worker: str) -> _Empty:
        """Return the empty place that gets a worker: the worker's last one, or any if it is new.

        Which of several does not matter: an account adds up the times at which places become empty
        and get a job, with other signs.
        """
        chosen = next(
            (each for each in self._empty if worker and each.worker == worker),
            min(self._empty, key=lambda each: each.worker != ""),
        )
        self._empty.remove(chosen)
        return chosen

    def _add(self, seconds: Mapping[str, float]) -> None:
        self._spent = sum_of([self._spent, seconds])


def _start(attempt: _Attempt, now: float, part: TimePart) -> None:
    attempt.starting[part] = attempt.starting.get(part, 0.0) + now - attempt.looked
    attempt.looked = now
