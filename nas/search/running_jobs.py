"""The jobs that run at present, and the workers that were lost on jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nas.errors import ClusterError
from nas.evaluation.lost_workers import LostWorker
from nas.evaluation.time_parts import NO_SECONDS
from nas.search.job import Job
from nas.search.places import Places

LOST_IN_A_ROW = 12
"""A search ends when this many workers in a row are lost; but see the next limit."""

LOST_FOR_EACH = 4
"""A search ends when this many workers in a row are lost for each that runs at once."""


class RunningJobs:
    """The jobs that an executor runs, and the workers lost so far.

    Args:
        lost_before: the workers that earlier drivers lost.
        places: accounts for the time of the workers.
    """

    def __init__(self, lost_before: Iterable[LostWorker], places: Places) -> None:
        self._running: dict[Job, None] = {}  # in the order of their beginning
        self._places = places
        self.lost = list(lost_before)
        self._lost_in_a_row = 0
        self._most_at_once = 1

    def __len__(self) -> int:
        return len(self._running)

    def begin(self, job: Job) -> None:
        """Record that a job begins."""
        self._running[job] = None
        self._places.begin(job)
        self._most_at_once = max(self._most_at_once, len(self._running))

    def end(self, job: Job, seconds: Mapping[str, float] = NO_SECONDS) -> dict[str, float]:
        """Record that a job has ended, well or not.

        Args:
            job: that ran.
            seconds: by part, as its worker measured them.

        Returns:
            see :meth:`nas.search.places.Places.end`.
        """
        del self._running[job]
        self._lost_in_a_row = 0
        return self._places.end(job, seconds)

    def lose(self, job: Job, node: str, cause: str, *, counts: bool) -> LostWorker:
        """Record that a job's worker was lost; arguments are the fields of the result."""
        del self._running[job]
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
        return [job.pause_at or last_epoch for job in self._running if job.kind == "search"]
