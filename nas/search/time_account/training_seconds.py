"""The seconds that a worker is expected to be busy with a training, by those that have ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from statistics import median

from nas.evaluation.evaluate import EvaluationResult
from nas.samplers.choice_space import Candidate
from nas.search.job import Job
from nas.search.problem import SearchProblem
from nas.storage.evaluation import Evaluation

LATEST_JOBS = 50
"""The overhead is measured on so many jobs."""

JOBS_A_WORKER = 2
"""The overhead is measured when each worker has done so many: the first includes its start."""


class TrainingSeconds:
    """Expect how long a training takes.

    It is the mean time of training steps that workers have reported for a whole training (of the
    same architecture, if it was trained before), times an overhead: evaluations and whatever else
    a worker does, as a factor.

    Args:
        problem: the search's.
        rows: the evaluations of earlier drivers.
        workers: jobs at the same time.
    """

    def __init__(self, problem: SearchProblem, rows: Iterable[Evaluation], workers: int) -> None:
        self._epochs = problem.epochs
        self._workers = workers
        self._trained: dict[Candidate, tuple[float, float]] = {}  # seconds and whole trainings
        self._totals = (0.0, 0.0)
        self._jobs: deque[tuple[float, float]] = deque(maxlen=LATEST_JOBS)
        self._ended = 0
        for row in rows:
            if row.device_seconds:
                self._note(row.architecture, row.device_seconds, self._share(row.epochs))

    def note(self, job: Job, result: EvaluationResult, busy_seconds: float) -> None:
        """Record a job that has ended without failing.

        Args:
            job: the job.
            result: of the trial so far, its earlier jobs included.
            busy_seconds: how long the worker had this job.
        """
        epochs = int(result.curve[-1]["epoch"]) if result.curve else 0
        share = self._share(epochs)
        if not share:
            return
        whole_seconds = result.device_seconds / share
        new = share - self._share(job.from_epoch) if job.resumes else share
        self._note(job.architecture, whole_seconds * new, new)
        if whole_seconds and new:
            self._ended += 1
            self._jobs.append((busy_seconds, whole_seconds * new))

    def whole(self, architecture: Candidate | None = None) -> float | None:
        """Return the seconds of a whole training; None before any has ended.

        Args:
            architecture: what is trained; None for any that is new.
        """
        known = self._trained.get(architecture) if architecture is not None else None
        seconds, trainings = known or self._totals
        return seconds / trainings * self._overhead if trainings else None

    @property
    def _overhead(self) -> float:
        if self._ended <= JOBS_A_WORKER * self._workers:
            return 1.0
        return max(1.0, median(busy / training for busy, training in self._jobs))

    def _share(self, epochs: int) -> float:
        """Return the share of a whole training that some epochs are."""
        return epochs / self._epochs if self._epochs else 1.0

    def _note(self, architecture: Candidate, seconds: float, trainings: float) -> None:
        if not trainings:
            return
        before = self._trained.get(architecture, (0.0, 0.0))
        self._trained[architecture] = (before[0] + seconds, before[1] + trainings)
        self._totals = (self._totals[0] + seconds, self._totals[1] + trainings)
