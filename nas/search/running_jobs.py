"""The jobs that run at present, and the workers that were lost on jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from nas.errors import ClusterError
from nas.evaluation.lost_workers import LostWorker
from nas.search.job import Job

LOST_IN_A_ROW = 12
"""A search ends when this many workers in a row are lost; but see the next limit."""

LOST_FOR_EACH = 4
"""A search ends when this many workers in a row are lost for each that runs at once."""


class RunningJobs:
    """The jobs that an executor runs, since when, and the workers lost so far.

    Args:
        lost_before: the workers that earlier drivers lost.
        clock: returns seconds.

    Attributes:
        lost: all workers that were lost.
        ended: number of jobs that have ended or lost their worker.
    """

    def __init__(
        self, lost_before: Iterable[LostWorker], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._since: dict[Job, float] = {}
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
        now = self._clock()
        return {job: now - since for job, since in self._since.items()}

    @property
    def busy_seconds(self) -> float:
        """The seconds that workers were busy with jobs of this driver, those that failed too."""
        return self._ended_seconds + sum(self.seconds.values())

    def begin(self, job: Job) -> None:
        """Record that a job begins."""
        self._since[job] = self._clock()
        self._most_at_once = max(self._most_at_once, len(self._since))

    def end(self, job: Job) -> float:
        """Record that a job has ended, well or not; return the seconds that it took."""
        self._lost_in_a_row = 0
        return self._take(job)

    def lose(self, job: Job, node: str, cause: str, *, counts: bool) -> LostWorker:
        """Record that a job's worker was lost; arguments are the fields of the result."""
        worker = LostWorker(node, cause, self._take(job), counts)
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
        """Remove a running job, and return the seconds that it took."""
        seconds = self._clock() - self._since.pop(job)
        self._ended_seconds += seconds
        self.ended += 1
        return seconds
