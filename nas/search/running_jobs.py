"""The jobs that run at present, and the workers that were lost on jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from nas.errors import ClusterError
from nas.evaluation.lost_workers import LostWorker
from nas.evaluation.time_parts import NO_SECONDS, WAITS
from nas.search.job import Job
from nas.search.time_account.places import Places

LOST_IN_A_ROW = 12
"""A search ends when this many workers in a row are lost; but see the next limit."""

LOST_FOR_EACH = 4
"""A search ends when this many workers in a row are lost for each that runs at once."""


class EndedJob(NamedTuple):
    """The time of a job that has ended."""

    busy_seconds: float  # from when a worker began it to its end, as the driver saw it
    parts: dict[str, float]  # of its worker's seconds, as ``Places.end`` returns them


class RunningJobs:
    """The jobs that an executor runs, and the workers lost so far.

    Args:
        lost_before: the workers that earlier drivers lost.
        places: accounts for the time of the workers.
        clock: returns seconds.

    Attributes:
        lost: all workers that were lost.
        ended: number of jobs that have ended or lost their worker.
    """

    def __init__(
        self,
        lost_before: Iterable[LostWorker],
        places: Places,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._since: dict[Job, float] = {}  # in the order of their beginning
        self._places = places
        self._ended_seconds = 0.0
        self.ended = 0
        self.lost = list(lost_before)
        self._lost_in_a_row = 0
        self._most_at_once = 1

    def __len__(self) -> int:
        return len(self._since)

    @property
    def seconds(self) -> dict[Job, float]:
        """The seconds for which each running job has had a worker."""
        return {job: self._worked(job) for job in self._since}

    @property
    def busy_seconds(self) -> float:
        """The seconds that workers were busy with jobs of this driver, those that failed too."""
        return self._ended_seconds + sum(self.seconds.values())

    def begin(self, job: Job) -> None:
        """Record that a job begins."""
        self._since[job] = self._clock()
        self._places.begin(job)
        self._most_at_once = max(self._most_at_once, len(self._since))

    def end(self, job: Job, seconds: Mapping[str, float] = NO_SECONDS) -> EndedJob:
        """Record that a job has ended, well or not.

        Args:
            job: that ran.
            seconds: by part, as its worker measured them.
        """
        self._lost_in_a_row = 0
        worked, parts = self._take(job), self._places.end(job, seconds)
        busy = sum(each for part, each in parts.items() if part not in WAITS)
        self._ended_seconds += busy if self._places.number else worked
        return EndedJob(worked, parts)

    def lose(self, job: Job, node: str, cause: str, *, counts: bool) -> LostWorker:
        """Record that a job's worker was lost; arguments are the fields of the result."""
        self._ended_seconds += self._take(job)
        worker = LostWorker(node, cause, self._places.lose(job), counts)
        self.lost.append(worker)
        self._lost_in_a_row += 1
        return worker

    def check(self) -> None:
        """Raise if workers are lost one after another.

        Raises:
            ClusterError: many were, and no job ended in between.
        """
        if self._lost_in_a_row >= max(LOST_IN_A_ROW, LOST_FOR_EACH * self._most_at_once):
            raise ClusterError(
                f"{self._lost_in_a_row} workers in a row were lost, and no training ended in "
                f"between; the last one: {self.lost[-1].cause}; mend the machine, then continue "
                "with --resume"
            )

    def arriving(self, last_epoch: int) -> list[int]:
        """Return the epochs at which the running trials will pause or end."""
        return [job.pause_at or last_epoch for job in self._since if job.kind == "search"]

    def _take(self, job: Job) -> float:
        """Remove a running job, and return the seconds for which it had a worker."""
        seconds = self._worked(job)
        del self._since[job]
        self.ended += 1
        return seconds

    def _worked(self, job: Job) -> float:
        """Return the seconds for which a running job has had a worker.

        Places know when that began; without them a job has a worker from its beginning.
        """
        if self._places.number:
            return self._places.worked_seconds(job)
        return self._clock() - self._since[job]
