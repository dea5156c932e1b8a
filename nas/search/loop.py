"""The search: proposals until enough are trained, rungs in between, then repeats of the front.

The search alone decides what is trained next, what stops at a rung and when it is done. An executor
runs the jobs and reports their results.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from nas.errors import SpaceExhausted
from nas.evaluation.evaluate import EvaluationResult
from nas.evaluation.lost_workers import LostWorker, account_of, is_to_blame, nodes_to_avoid
from nas.latency.cache import LatencyCache
from nas.latency.measurements import Meter
from nas.samplers.trials import NO_WARM_START, WarmStart
from nas.schedulers.protocol import Decision
from nas.search.failures import FailureKind, Failures
from nas.search.job import Job
from nas.search.latency_filter import LatencyFilter
from nas.search.problem import SearchProblem
from nas.search.proposals import Proposals
from nas.search.records import Records
from nas.search.repeats import RepeatRounds, Round
from nas.search.rung_decisions import RungDecisions
from nas.search.running_jobs import RunningJobs
from nas.search.status import Status, StatusReport
from nas.search.time_limit import TimeLimit
from nas.search.training_states import PausedTrainings, TrainingStates
from nas.search.trial_metrics import TrialMetrics
from nas.search.trial_state import UNFINISHED, State, Trial
from nas.search.trials import Trials
from nas.search.waiting import Waiting
from nas.storage.candidates import Candidate, candidates
from nas.storage.evaluation import curve_points


class Search:
    """Hand out the jobs of one search in order, and record their results.

    Args:
        problem: the search's.
        records: the run's, created or reopened.
        latencies: the run's measured latencies, if the search uses latency.
        warm_start: architectures to begin with, and earlier results.
        states: where paused trainings are kept, if trials pause.
        waiting: says what the search waits for.

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
        self._repeats = RepeatRounds(problem, records)
        self.ended_early = ""  # why there are fewer trials than asked; empty if not so
        rows = [*records.evaluations("search"), *records.evaluations("repeats")]
        self._running = RunningJobs(worker for row in rows for worker in row.lost_workers)
        self._time_limit = TimeLimit(problem, rows)
        self._furthest_epoch = 0
        self.waiting = waiting or Waiting()
        self.queued = 0  # jobs that have no worker yet, as the executor says
        self._report = StatusReport(problem, records, self.trials)
        self._status = self._status_now()

    @property
    def finished(self) -> bool:
        """Whether no job is left and none is running."""
        if self._running or self._phase == "search":
            return False
        return not self._repeats.current().left

    @property
    def needs_metering(self) -> bool:
        """Whether :meth:`meter_proposals` must run before there are further jobs."""
        if not self._filter.measures or self.trials.count(State.READY) or not self._more_begin:
            return False
        return self._rungs.next(more_begin=True, arriving=()) is None

    def next_job(self) -> Job | None:
        """Return the next job to run; None if there is none, perhaps only until a running one ends.

        Raises:
            NothingFits: no architecture fits the limits.
            TooManyFailures: ``search.max_failures`` trials in a row failed.
            ClusterError: many workers in a row were lost.
        """
        self._failures.check()
        self._running.check()
        job = self._next_job()
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
        while self.trials.count(State.PROPOSED) < most and self._missing > 0:
            self._propose()
        self._filter.measure(meter, nothing_more=bool(self.ended_early))

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
        self._end(job)
        metrics = self._metrics.of(job.architecture, result.metrics)
        self._time_limit.note(metrics, result.device_seconds)
        if job.kind == "repeats":
            self._repeats.end(job.architecture, job.seed, metrics, result)
            return
        latency = self._filter.latency_of(job.architecture)
        self.trials.complete(job.number, metrics, result, latency)
        self._states.discard(job.number)

    def stopped(self, job: Job, result: EvaluationResult, *, epoch: int) -> None:
        """Record that a trial was stopped after ``epoch`` epochs."""
        self._end(job)
        latency = self._filter.latency_of(job.architecture)
        self.trials.prune(job.number, result, latency, epoch=epoch)

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
        self._end(job)
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

    def failed(self, job: Job, error: str) -> None:
        """Record that a job raised."""
        self._running.end(job)
        self._fail(job, error)

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
        self._fail(job, account_of(lost))

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
        current = self._repeats.current() if self._phase == "repeats" else Round(0, 0, [])
        return self._report.status(
            phase=self._phase,
            running=max(0, len(self._running) - self.queued),
            queued=min(self.queued, len(self._running)),
            lost_workers=self._running.lost,
            furthest_epoch=self._furthest_epoch,
            missing=self._missing,
            repeats_left=self._repeats.running + len(current.left),
            current_round=current,
        )

    @property
    def _phase(self) -> Literal["search", "repeats"]:
        """The phase: repeats begin when every trial of the search itself has ended."""
        return "search" if self._missing or self.trials.begun else "repeats"

    @property
    def _missing(self) -> int:
        """The number of proposals still to be made."""
        if self.ended_early:
            return 0
        return max(0, self.problem.search.n_trials - self.trials.trained - self.trials.begun)

    @property
    def _more_begin(self) -> bool:
        """Whether further trials are to begin."""
        return self._missing > 0 or self.trials.count(State.PROPOSED) > 0

    def _next_job(self) -> Job | None:
        for ready in self.trials.of(State.READY):
            return self._continued(ready)
        promoted = self._promoted()
        if promoted is not None:
            return promoted
        if self._missing and not self._filter.measures and self.proposals.may_propose():
            self._propose()
            # If the space is exhausted, paused trials may be promoted now.
            return self._next_job()
        if self._missing or self.trials.count(*UNFINISHED):
            return None
        self._rungs.end_paused()
        return self._repeats.begin()

    def _promoted(self) -> Job | None:
        """Promote the paused trial that the rule names, and return its job; None if it names none.

        A training whose state is missing begins anew, with a warning.
        """
        arriving = self._running.arriving(self.problem.epochs)
        number = self._rungs.next(more_begin=self._more_begin, arriving=arriving)
        if number is None:
            return None
        self._rungs.promote(number)
        return self._continued(self.trials.trial(number))

    def _continued(self, trial: Trial) -> Job:
        """Start a trial: from its state if it trained before, else from its first epoch."""
        from_epoch = trial.epochs if trial.epochs and self._states.holds(trial.number) else 0
        return self._job(self.trials.start(trial.number), from_epoch=from_epoch)

    def _propose(self) -> None:
        """Make one more proposal; it is ready to train unless its latency must be measured."""
        try:
            trial = self.proposals.propose()
        except SpaceExhausted as error:
            self.ended_early = str(error)
            return
        if not self._filter.measures:
            self.trials.pass_on(trial.number)

    def _job(self, trial: Trial, *, from_epoch: int = 0) -> Job:
        """Return the training of a trial up to its next pause, or to its end."""
        later = [rung for rung in self.problem.rungs if rung > trial.epochs]
        pause_at = later[0] if self.problem.pauses and later else None
        seed = self.problem.seed
        avoided = nodes_to_avoid(trial.lost_workers)
        return Job("search", trial.number, trial.architecture, seed, pause_at, from_epoch, avoided)

    def _fail(self, job: Job, error: str) -> None:
        """Record that a job that no longer runs has failed."""
        self._failures.note(_failures_of(job), error)
        if job.kind == "repeats":
            nothing = EvaluationResult({}, [], 0.0)
            self._repeats.end(job.architecture, job.seed, {}, nothing, error)
            return
        self.trials.fail(job.number, error)
        self._rungs.withdraw(job.number)

    def _end(self, job: Job) -> None:
        """Note that a job ended without failing."""
        self._running.end(job)
        self._failures.note_success(_failures_of(job))


def _failures_of(job: Job) -> FailureKind:
    """Count resumed trials apart: others begin, and pause, in between."""
    return "resumed trials" if job.resumes else "trials"
