"""The progress of a search, and the time left at this driver's pace."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal, NamedTuple

from nas.evaluation.lost_workers import LostWorker
from nas.evaluation.metric_names import OF_ACCURACY, MetricNames
from nas.search.endings.expected_growth import growth_text
from nas.search.forecast import Forecast
from nas.search.problem import SearchProblem
from nas.search.records import Records
from nas.search.repeats import Round
from nas.search.trial_state import UNFINISHED, State
from nas.search.trials import Trials
from nas.storage.candidates import Candidate, candidates, most_accurate, pareto_front


class Status(NamedTuple):
    """The progress of a search."""

    phase: Literal["search", "repeats"]
    trained: int
    wanted: int
    repeats_done: int
    repeats_wanted: int  # in the rounds so far; the next may add more
    repeats_round: int  # from 1; 0 before the repeats
    round_size: int  # trainings in this round
    running: int
    furthest_epoch: int  # the last that any training has reported
    epochs: int  # in a training
    failed: int
    paused: int  # at a rung
    stopped_early: int  # part of ``trained``
    rejected: int
    best: Candidate | None  # the most accurate on the front
    device_hours: float  # in which workers did not wait, failed and lost trainings included
    elapsed_seconds: float
    remaining_seconds: float | None
    retries: int = 0  # trainings that began again, since their workers were lost
    lost_seconds: float = 0.0  # of training, with those workers
    retry_reason: str = ""  # of the last of them
    growth: str = ""  # expected of the next hour; empty if it is not known
    waiting: str = ""  # what for, why and how long; empty if it does not wait
    queued: int = 0  # jobs that have no worker yet
    names: MetricNames = OF_ACCURACY


class StatusReport:
    """Compute a search's status; it is made when the driver begins, to measure the pace.

    Args:
        problem: the search's.
        records: the run's.
        trials: the search's.
        forecast: the first estimate of the time; None for none.
    """

    def __init__(
        self,
        problem: SearchProblem,
        records: Records,
        trials: Trials,
        forecast: Forecast | None = None,
    ) -> None:
        self._forecast = forecast
        self._problem = problem
        self._records = records
        self._trials = trials
        self._started = time.monotonic()
        self._trained_before = trials.trained + len(records.evaluations("repeats"))
        self._share_before = self.share_done
        self._last_done = self._last_elapsed = 0.0  # when more was done than before

    @property
    def elapsed_seconds(self) -> float:
        """The seconds since this driver began."""
        return time.monotonic() - self._started

    @property
    def share_done(self) -> float:
        """The trained share of all epochs of the search's own trials."""
        wanted = self._problem.most_epochs(self._problem.search.n_trials)
        return min(1.0, self._trials.epochs / wanted) if wanted else 0.0

    def status(
        self,
        *,
        phase: Literal["search", "repeats"],
        running: int,
        queued: int,
        furthest_epoch: int,
        missing: int,
        repeats_left: int,
        current_round: Round,
        lost_workers: Sequence[LostWorker],
        growth_an_hour: float | None,
        most_seconds: float,
    ) -> Status:
        """Return the status now; the time left assumes that jobs take as long as before.

        Args:
            phase: whether the search's own trials run, or repeats of its finalists.
            running: number of running jobs.
            queued: number of jobs that have no worker yet.
            furthest_epoch: the last that any job has reported.
            missing: proposals still to be made.
            repeats_left: repeats that run or are known to be missing.
            current_round: the current round of repeats.
            lost_workers: those that all drivers lost, the last one last.
            growth_an_hour: expected of the next hour.
            most_seconds: until the search's budget is spent.
        """
        repeats = self._records.evaluations("repeats")
        rows = [*self._records.evaluations("search"), *repeats]
        shown = [self._problem.accuracy, self._problem.cost_objective]
        front = pareto_front(candidates(rows), shown)
        rejections = self._trials.rejections.to_json().values()
        done, left = self._progress(missing, len(repeats), repeats_left)
        later = phase == "search"  # the repeats follow
        elapsed = self.elapsed_seconds
        return Status(
            phase=phase,
            trained=self._trials.trained,
            wanted=self._problem.search.n_trials,
            repeats_done=len(repeats),
            repeats_wanted=len(repeats) + repeats_left,
            repeats_round=current_round.number,
            round_size=current_round.size,
            running=running,
            queued=queued,
            furthest_epoch=furthest_epoch,
            epochs=self._problem.epochs,
            failed=sum(row.error is not None for row in rows),
            paused=self._trials.count(State.PAUSED),
            stopped_early=sum(row.state == "pruned" for row in rows),
            rejected=sum(entry["count"] for entry in rejections),
            best=most_accurate(front),
            device_hours=sum(row.spent_seconds for row in rows) / 3600,
            elapsed_seconds=elapsed,
            remaining_seconds=self._remaining_seconds(
                elapsed, done, left, repeats_follow=later, most=most_seconds
            ),
            retries=len(lost_workers),
            lost_seconds=sum(worker.seconds for worker in lost_workers),
            retry_reason=lost_workers[-1].cause if lost_workers else "",
            growth=(
                ""
                if growth_an_hour is None
                else growth_text(growth_an_hour, self._problem.objectives, self._problem.names)
            ),
            names=self._problem.names,
        )

    def _remaining_seconds(
        self, elapsed: float, done: float, left: float, *, repeats_follow: bool, most: float
    ) -> float | None:
        """Return the time left, ``most`` at most; None before there is a pace or an estimate."""
        if self._forecast is None:
            return min(elapsed / done * left, most) if done else None
        if repeats_follow:
            left += self._forecast.repeats
        if done != self._last_done:
            self._last_done, self._last_elapsed = done, elapsed
        then = self._forecast.remaining_seconds(done, left, self._last_elapsed)
        return min(max(0.0, then - (elapsed - self._last_elapsed)), most)

    def _progress(self, missing: int, repeats_done: int, repeats_left: int) -> tuple[float, float]:
        """Return what this driver has done and what is left, in trainings.

        Where trials pause, it is epochs of the search's own trials, in whole trainings.
        """
        if not self._problem.pauses or repeats_done or repeats_left:
            done = self._trials.trained + repeats_done - self._trained_before
            return done, missing + self._trials.count(*UNFINISHED) + repeats_left
        whole = self._problem.most_epochs(self._problem.search.n_trials) / self._problem.epochs
        return whole * (self.share_done - self._share_before), whole * (1 - self.share_done)
