"""The search: proposals until enough are trained, rungs in between, then repeats of the front.

The search alone decides what is trained next, what stops at a rung and when it is done. An executor
runs the jobs and reports their results.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from nas.evaluation.evaluate import EvaluationResult
from nas.evaluation.lost_workers import LostWorker, account_of, is_to_blame
from nas.evaluation.time_parts import NO_SECONDS
from nas.latency.cache import LatencyCache
from nas.latency.measurements import Meter
from nas.samplers.trials import NO_WARM_START, WarmStart
from nas.schedulers.protocol import Decision
from nas.search.endings.budget import Budget
from nas.search.endings.expected_growth import ExpectedGrowth
from nas.search.failures import FailureKind, Failures
from nas.search.forecast import Forecast
from nas.search.further_seeds import plan_in
from nas.search.job import Job
from nas.search.latency_filter import LatencyFilter
from nas.search.next_jobs import NextJobs
from nas.search.problem import SearchProblem
from nas.search.proposals import Proposals
from nas.search.records import Records
from nas.search.repeats import RepeatRounds, Round
from nas.search.rung_decisions import RungDecisions
from nas.search.running_jobs import RunningJobs
from nas.search.status import Status, StatusReport
from nas.search.time_account.search_time import SearchTime
from nas.search.time_account.spent_time import SpentTime
from nas.search.time_account.training_seconds import TrainingSeconds
from nas.search.time_limit import TimeLimit
from nas.search.training_states import PausedTrainings, TrainingStates
from nas.search.trial_metrics import TrialMetrics
from nas.search.trial_state import State
from nas.search.trials import Trials
from nas.search.waiting import Waiting
from nas.storage.candidates import Candidate, candidates
from nas.storage.evaluation import curve_points
from nas.storage.run.ending import Ending


class Search:
    """Hand out the jobs of one search in order, and record their results.

    Args:
        problem: the search's.
        records: the run's, created or reopened.
        latencies: the run's measured latencies, if the search uses latency.
        warm_start: architectures to begin with, and earlier results.
        states: where paused trainings are kept, if trials pause.
        waiting: says what the search waits for.
        forecast: a first estimate of its time; None for none.
        concurrency: jobs at the same time; None for ``search.concurrency``, or else one.
        clock: returns seconds.

    Attributes:
        growth: the growth that is expected of the next hour.
        trains_only_asked: whether it trains further seeds that a user asked for, and no trial; see
            :mod:`nas.search.further_seeds`.
        spent: the time that the search has taken, earlier drivers included.

    Raises:
        ConfigError: a sampler's name or option that does not exist.
        NothingFits: many proposals that an earlier driver measured are too slow.
        RunError: the records cannot be read, or are of another space.
    """

    def __init__(
        self,
        problem: SearchProblem,
        records: Records,
        *,
        latencies: LatencyCache | None = None,
        warm_start: WarmStart = NO_WARM_START,
        states: TrainingStates | None = None,
        waiting: Waiting | None = None,
        forecast: Forecast | None = None,
        concurrency: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        assert states is not None or not problem.pauses, "paused trials need a place for states"
        self.problem = problem
        self.records = records
        self.trials = Trials(problem, records)
        self.proposals = Proposals(problem, records, self.trials, warm_start=warm_start)
        self._failures = Failures(problem.search.max_failures)
        self._filter = LatencyFilter(problem, records, self.trials, latencies, self._failures)
        self._metrics = TrialMetrics(problem, self._filter.latency_of)
        self._states = PausedTrainings(states)
        self._rungs = RungDecisions(problem, records, self.trials, self._metrics, self._states)
        asked = plan_in(self.trials.attributes())
        self._repeats = RepeatRounds(problem, records, asked)
        self.trains_only_asked = self._repeats.are_asked
        rows = [*records.evaluations("search"), *records.evaluations("repeats")]
        self.waiting = waiting or Waiting()
        self.growth = ExpectedGrowth(problem.search.stop_below, clock)
        self.time = SearchTime(
            self.trials, self.waiting, self._remaining_seconds, lambda: self.growth.an_hour
        )
        lost_before = [worker for row in rows for worker in row.lost_workers]
        self._running = RunningJobs(lost_before, self.time.places, clock)
        self._time_limit = TimeLimit(problem, rows)
        workers = concurrency or problem.search.concurrency or 1
        self._seconds = TrainingSeconds(problem, rows, workers)
        self.spent = SpentTime(self._running, self.trials.attributes(), rows, clock)
        self._budget = Budget(
            problem, self.trials, self._running, self._repeats, self.spent, self._seconds, workers
        )
        self._next = NextJobs(
            problem,
            trials=self.trials,
            proposals=self.proposals,
            rungs=self._rungs,
            repeats=self._repeats,
            states=self._states,
            running=self._running,
            budget=self._budget,
            growth=self.growth,
            measures=self._filter.measures,
        )
        self._furthest_epoch = 0
        self.queued = 0  # jobs that have no worker yet, as the executor says
        self._report = StatusReport(problem, records, self.trials, forecast)
        self._status = self._status_now()

    @property
    def finished(self) -> bool:
        """Whether no job is left and none is running."""
        return self._next.finished

    @property
    def ended_early(self) -> str:
        """Why there are fewer trials than asked; empty if not so."""
        return self._next.ended_early

    @property
    def ending(self) -> Ending | None:
        """Why a finished search ended before all was done; None if all was."""
        return self._next.ending

    @property
    def needs_metering(self) -> bool:
        """Whether :meth:`meter_proposals` must run before there are further jobs."""
        return self._next.needs_metering

    def next_job(self) -> Job | None:
        """Return the next job to run; None if there is none, perhaps only until a running one ends.

        Raises:
            NothingFits: no architecture fits the limits.
            TooManyFailures: ``search.max_failures`` trials in a row failed.
            ClusterError: many workers in a row were lost.
        """
        self._failures.check()
        self._running.check()
        job = self._next.next()
        if job is not None:
            self._running.begin(job)
        return job

    def seconds_allowed(self, job: Job) -> float | None:
        """Return the longest time of a running job in seconds; None if there is no limit yet."""
        return self._time_limit.seconds(job)

    def meter_proposals(self, meter: Meter) -> None:
        """Propose a batch, measure its latencies with nothing else running, reject the slow.

        Raises:
            NothingFits: no architecture fits the static limits, or many in a row were too slow.
            TooManyFailures: ``search.max_failures`` measurements in a row failed.
            DeviceBusy: something else runs on the device; earlier measurements are kept.
        """
        assert not self._running
        self._failures.check()
        most = self.problem.latency.candidates_per_batch
        while self.trials.count(State.PROPOSED) < most and self._next.missing > 0:
            self._next.propose()
        batch = [trial.number for trial in self.trials.of(State.PROPOSED)]
        timed = self.time.timed(meter, partial(self.trials.note_latency, batch))
        self._filter.measure(timed, nothing_more=self._next.is_space_exhausted)

    def reported(self, job: Job, epoch: int, accuracy: float) -> Decision:
        """Decide whether a job that has reached a point of its curve continues or stops.

        If it stops, the executor calls :meth:`stopped`. A job that is to pause ends with
        :meth:`paused`; repeats always continue.
        """
        self._furthest_epoch = max(self._furthest_epoch, epoch)
        if job.kind == "repeats" or job.pause_at is not None:
            return "continue"
        return self._rungs.report(job.number, job.architecture, epoch, accuracy)

    def completed(self, job: Job, result: EvaluationResult) -> None:
        """Record a job's result."""
        result = self._end(job, result)
        metrics = self._metrics.of(job.architecture, result.metrics)
        self._time_limit.note(metrics, result.device_seconds)
        if job.kind == "repeats":
            self._repeats.end(job.architecture, job.seed, metrics, result)
            return
        latency = self._filter.latency_of(job.architecture)
        self.trials.complete(job.number, metrics, result, latency)
        self.growth.note_end()
        self._states.discard(job.number)

    def stopped(self, job: Job, result: EvaluationResult, *, epoch: int) -> None:
        """Record that a trial was stopped after ``epoch`` epochs."""
        result = self._end(job, result)
        latency = self._filter.latency_of(job.architecture)
        self.trials.prune(job.number, result, latency, epoch=epoch)
        self.growth.note_end()

    def paused(
        self, job: Job, result: EvaluationResult, *, epoch: int, state: bytes | None
    ) -> None:
        """Record that a job has reached the epoch at which it pauses.

        If the state is lost, or the driver dies before writing it, the trial later continues from
        its older state, or from its first epoch if there is none.

        Args:
            job: the job that ran.
            result: its curve so far.
            epoch: finished epochs.
            state: the training's state, to continue from; None if it was lost with a node.

        Raises:
            RunError: the state cannot be written; the result is kept.
        """
        result = self._end(job, result)
        latency = self._filter.latency_of(job.architecture)
        self.trials.pause(job.number, result, latency, epoch=epoch)
        decision = self._rungs.report(
            job.number, job.architecture, epoch, curve_points(result.curve)[epoch]
        )
        assert decision == "pause"
        if state is not None:
            self._states.save(job.number, state)

    def state_of(self, job: Job) -> bytes:
        """Return the state that a job resumes from.

        Raises:
            RunError: it cannot be read.
        """
        return self._states.load(job.number)

    def failed(self, job: Job, error: str, seconds: Mapping[str, float] = NO_SECONDS) -> None:
        """Record that a job raised.

        Args:
            job: the job that ran.
            error: its traceback.
            seconds: of its worker by part, see :mod:`nas.evaluation.time_parts`.
        """
        self._fail(job, error, self._running.end(job, seconds).parts)

    def lost(self, job: Job, node: str, cause: str, *, counts: bool, nodes: int) -> None:
        """Record that a job's worker was lost: it runs again, unless the architecture is to blame.

        It continues from the trial's last state, or begins anew if there is none.

        Args:
            job: the job that ran.
            node: the worker's; empty if it is not known.
            cause: why the worker was lost, in one line.
            counts: whether that counts against the architecture; a fault of the machine does not.
            nodes: number of nodes that can hold a job.
        """
        worker = self._running.lose(job, node, cause, counts=counts)
        lost: Sequence[LostWorker]
        if job.kind == "repeats":
            lost = self._repeats.lose_worker(job.architecture, job.seed, worker)
        else:
            lost = self.trials.lose_worker(job.number, worker).lost_workers
        if not (counts and is_to_blame(lost, nodes)):
            if job.kind == "repeats":
                self._repeats.give_back(job.architecture, job.seed)
            return
        self._fail(job, account_of(lost), NO_SECONDS)

    def candidates(self) -> list[Candidate]:
        """Return every architecture with a result, over all of its evaluations."""
        search, repeats = self.records.evaluations("search"), self.records.evaluations("repeats")
        return candidates([*search, *repeats])

    def status(self) -> Status:
        """Return the progress; the time left assumes that jobs take as long as before.

        In a wait it is the one before: the records may be what is waited for.
        """
        if self.waiting.reason:
            return self._status._replace(
                waiting=self.waiting.text, elapsed_seconds=self._report.elapsed_seconds
            )
        self._status = self._status_now()._replace(waiting=self.waiting.text)
        return self._status

    def _status_now(self) -> Status:
        phase = self._next.phase
        current = self._repeats.current() if phase == "repeats" else Round(0, 0, [])
        to_begin = self._next.repeats_to_begin if phase == "repeats" else 0
        return self._report.status(
            phase=phase,
            running=max(0, len(self._running) - self.queued),
            queued=min(self.queued, len(self._running)),
            lost_workers=self._running.lost,
            furthest_epoch=self._furthest_epoch,
            missing=self._next.missing,
            repeats_left=self._repeats.running + to_begin,
            current_round=current,
            growth_an_hour=self.growth.an_hour,
            most_seconds=self._budget.wall_seconds_left,
        )

    def _fail(self, job: Job, error: str, seconds: Mapping[str, float]) -> None:
        """Record that a job that no longer runs has failed."""
        self._failures.note(_failures_of(job), error)
        if job.kind == "repeats":
            nothing = EvaluationResult({}, [], 0.0, seconds=seconds)
            self._repeats.end(job.architecture, job.seed, {}, nothing, error)
            return
        self.trials.fail(job.number, error, seconds)
        self._rungs.withdraw(job.number)

    def _end(self, job: Job, result: EvaluationResult) -> EvaluationResult:
        """Note that a job ended without failing; return its result with its worker's seconds."""
        self._failures.note_success(_failures_of(job))
        ended = self._running.end(job, result.seconds)
        self._seconds.note(job, result, ended.busy_seconds)
        return result._replace(seconds=ended.parts)

    def _remaining_seconds(self) -> float | None:
        """Return the time left as it was last shown: to compute it anew takes long."""
        return self._status.remaining_seconds


def _failures_of(job: Job) -> FailureKind:
    """Count resumed trials apart: others begin, and pause, in between."""
    return "resumed trials" if job.resumes else "trials"
