"""The time limit of a training: one that hangs is ended, and does not hold its worker for ever."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median

from nas.search.job import Job
from nas.search.problem import SearchProblem
from nas.storage.evaluation import Evaluation

FINISHED_TRIALS = 5
"""A limit exists after so many finished trials."""

MACS_FACTOR = 2
"""Trials whose MACs are within this factor are compared."""


class TimeLimit:
    """Know how long trainings of similar size took, and how long another may take.

    A training may take ``search.timeout_factor`` times the median of the finished ones within a
    factor 2 of its MACs (of all, if none is), but at least ``search.timeout_minutes``.

    Args:
        problem: the search's.
        rows: the evaluations of earlier drivers.
    """

    def __init__(self, problem: SearchProblem, rows: Iterable[Evaluation]) -> None:
        self._problem = problem
        self._finished: list[tuple[float, float]] = []  # MACs and seconds an epoch
        for row in rows:
            if row.state == "complete":
                self.note(row.metrics, row.device_seconds)

    def note(self, metrics: Mapping[str, float], seconds: float) -> None:
        """Record a finished training with its costs."""
        if "macs" in metrics:
            self._finished.append((metrics["macs"], seconds / max(1, self._problem.epochs)))

    def seconds(self, job: Job) -> float | None:
        """Return the longest time of a job in seconds; None if there is no limit yet."""
        settings = self._problem.search
        if settings.timeout_minutes is None or len(self._finished) < FINISHED_TRIALS:
            return None
        macs = self._problem.costs.of(job.architecture)["macs"]
        similar = [
            seconds
            for other, seconds in self._finished
            if macs / MACS_FACTOR <= other <= macs * MACS_FACTOR
        ]
        epoch_seconds = median(similar or [seconds for _, seconds in self._finished])
        epochs = (job.pause_at or self._problem.epochs) - job.from_epoch
        return max(60 * settings.timeout_minutes, settings.timeout_factor * epoch_seconds * epochs)
