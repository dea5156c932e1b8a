"""The executor on a simulated clock: every training's result and duration are known.

Workers are asynchronous: whenever one is free, it asks the search for its next job. A proposal sees
the results of what has ended by then. Nothing here is random, and nothing waits.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from nas.evaluation.evaluate import EvaluationResult
from nas.latency.measurements import Meter
from nas.search.job import Job
from nas.search.loop import Search


class Trajectory(NamedTuple):
    """The course of one whole training."""

    seconds: float  # duration of the whole training
    accuracy: float  # at its end
    points: Mapping[int, float] = {}  # accuracy by evaluated epoch, the last included
    error: str | None = None  # the traceback if it raises at its end


class Arrival(NamedTuple):
    """The moment at which a training reaches a rung or its end; ordered by time, then by trial."""

    seconds: float
    number: int
    kind: str
    epoch: int
    job: Job


class SimulatedClock:
    """Simulated seconds since a search began; call it as a search's clock."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.seconds


class SimulatedStates:
    """States of paused trainings, of which nothing needs to be kept on a table.

    See :class:`nas.search.training_states.TrainingStates`.
    """

    def holds(self, number: int) -> bool:
        """True: every training continues where it was."""
        return True

    def save(self, number: int, content: bytes) -> None:
        """Keep nothing."""

    def load(self, number: int) -> bytes:
        """Return an empty state."""
        return b""

    def discard(self, number: int) -> None:
        """Remove nothing."""

    def keep_only(self, numbers: set[int]) -> None:
        """Remove nothing."""

    def place_of(self, number: int) -> str:
        """Return a name such as ``the simulated state of trial 3``."""
        return f"the simulated state of trial {number}"


class SimulatedExecutor:
    """Run a search's jobs until it has no more.

    Args:
        search: the source of jobs.
        trajectory: gives the course of a job's whole training.
        workers: trainings at the same time.
        meter: measures latencies, which takes no simulated time, if the search needs them.
        clock: the clock that it moves, if the search's is simulated too.

    Attributes:
        arrived: by trial number, the time at which it last reached a rung or its end.
    """

    def __init__(
        self,
        search: Search,
        trajectory: Callable[[Job], Trajectory],
        *,
        workers: int,
        meter: Meter | None = None,
        clock: SimulatedClock | None = None,
    ) -> None:
        self._search = search
        self._trajectory = trajectory
        self._workers = workers
        self._meter = meter
        self._running: list[Arrival] = []  # a heap
        self._clock = clock or SimulatedClock()
        self.arrived: dict[int, float] = {}

    @property
    def now(self) -> float:
        """Simulated seconds since the search began."""
        return self._clock.seconds

    def run(self) -> None:
        """Run all jobs; raises what :meth:`nas.search.loop.Search.next_job` raises."""
        while not self._search.finished:
            if self._search.needs_metering and not self._running:
                assert self._meter is not None
                self._search.meter_proposals(self._meter)
                continue
            while len(self._running) < self._workers and (job := self._search.next_job()):
                self._train(job, job.from_epoch)
            if self._running:
                self.advance()

    def advance(self) -> None:
        """Process the next arrival, and all others at the same time."""
        self._clock.seconds = self._running[0].seconds
        while self._running and self._running[0].seconds == self.now:
            self._arrive(heapq.heappop(self._running))

    def _train(self, job: Job, trained: int) -> None:
        """Train from now to the next rung or the end, after ``trained`` epochs."""
        problem = self._search.problem
        last = problem.epochs  # 0 where a table has no epochs
        stops = (*problem.rungs, last) if job.kind == "search" else (last,)
        until = next((stop for stop in stops if stop > trained), last)
        share = (until - trained) / last if last else 1.0
        seconds = self.now + share * self._trajectory(job).seconds
        heapq.heappush(self._running, Arrival(seconds, job.number, job.kind, until, job))

    def _arrive(self, arrival: Arrival) -> None:
        job, epoch = arrival.job, arrival.epoch
        trajectory = self._trajectory(job)
        if job.kind == "search":
            self.arrived[job.number] = self.now
        problem = self._search.problem
        if epoch == problem.epochs:
            if trajectory.error is not None:
                self._search.failed(job, trajectory.error)
                return
            metrics = {problem.accuracy: trajectory.accuracy}
            self._search.completed(job, _result(metrics, trajectory, epoch))
            return
        so_far = _result({}, trajectory, epoch, epoch / problem.epochs)
        if job.pause_at == epoch:
            self._search.paused(job, so_far, epoch=epoch, state=b"")
            return
        if self._search.reported(job, epoch, trajectory.points[epoch]) == "stop":
            self._search.stopped(job, so_far, epoch=epoch)
            return
        self._train(job, epoch)


def _result(
    metrics: dict[str, float], trajectory: Trajectory, epoch: int, share: float = 1.0
) -> EvaluationResult:
    """Return the result of a training after ``epoch`` epochs, a share of the whole."""
    curve: list[dict[str, Any]] = [
        {"epoch": each, "val_accuracy": accuracy}
        for each, accuracy in trajectory.points.items()
        if each <= epoch
    ]
    return EvaluationResult(metrics, curve, share * trajectory.seconds, "simulated")
