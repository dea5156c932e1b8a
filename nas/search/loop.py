"""The search: proposals until enough are trained, rungs in between, then repeats of the front.

Nothing here runs a job. An executor does, and reports what came of it; what is trained next, what
stops at a rung and when the search is done is decided here alone.
"""

from __future__ import annotations

import logging
from typing import Literal, Protocol

from nas.errors import RunError, SpaceExhausted
from nas.evaluation.evaluate import EvaluationResult
from nas.latency.cache import LatencyCache
from nas.latency.measurements import Meter
from nas.metrics import losses
from nas.samplers.trials import NO_WARM_START, WarmStart
from nas.schedulers.rung_rule import Decision
from nas.search.failures import FailureKind, Failures
from nas.search.job import Job
from nas.search.latency_filter import LatencyFilter
from nas.search.problem import SearchProblem
from nas.search.proposals import Proposals
from nas.search.records import Records
from nas.search.repeat_rounds import RepeatRounds
from nas.search.repeats import Round
from nas.search.status import Status, StatusReport
from nas.search.trial_metrics import TrialMetrics
from nas.search.trial_state import TRAINED, UNFINISHED, State, Trial
from nas.search.trials import Trials, rungs_of
from nas.storage.candidates import Candidate, candidates
from nas.storage.evaluation import curve_points

log = logging.getLogger(__name__)


class TrainingStates(Protocol):
    """Where paused trainings go on from. :class:`nas.storage.checkpoints.PausedStates` is one."""

    def holds(self, number: int) -> bool:
        """Whether a trial's state is there."""

    def save(self, number: int, content: bytes) -> None:
        """Keep a trial's state in place of an earlier one."""

    def load(self, number: int) -> bytes:
        """A trial's state."""

    def discard(self, number: int) -> None:
        """Let go of a trial's state, if there is one."""

    def keep_only(self, numbers: set[int]) -> None:
        """Let go of all other trials' states."""

    def place_of(self, number: int) -> str:
        """The name of a trial's state in messages."""


class Search:
    """Jobs of one search, in order, and the records of their results.

    Args:
        problem: the search's.
        records: the run's, created or reopened.
        latencies: the run's measured latencies, if the search uses latency.
        warm_start: what is known before the first proposal.
        states: where paused trainings are kept, if trials pause.

    Raises:
        ConfigError: a sampler's name or option that does not exist.
        NothingFits: many proposals that an earlier driver had measured are too slow.
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
    ) -> None:
        assert states is not None or not problem.pauses, "paused trials need a place for states"
        self.problem = problem
        self.records = records
        self.trials = Trials(problem, records)
        self.proposals = Proposals(problem, records, self.trials, warm_start=warm_start)
        self._failures = Failures(problem.search.max_failures)
        self._filter = LatencyFilter(problem, records, self.trials, latencies, self._failures)
        self._metrics = TrialMetrics(problem, self._filter.latency_of)
        self._states = states
        self._rule = problem.rule()
        self._restore_rungs()
        self._repeats = RepeatRounds(problem, records)
        self.ended_early = ""  # why there are fewer trials than asked; empty if there are not
        self._running: set[Job] = set()
        self._furthest_epoch = 0
        self._report = StatusReport(problem, records, self.trials)

    @property
    def finished(self) -> bool:
        """No job is left, and none is running."""
        if self._running or self._phase == "search":
            return False
        return not self._repeats.current().left

    @property
    def needs_metering(self) -> bool:
        """Whether the next jobs exist only once :meth:`meter_proposals` has run."""
        if not self._filter.measures or self.trials.count(State.READY) or not self._more_begin:
            return False
        return self._rule.next(more_begin=True, arriving=()) is None

    def next_job(self) -> Job | None:
        """The next job to run; None while there is none (perhaps until a running one ends).

        Raises:
            NothingFits: no architecture fits the limits.
            TooManyFailures: ``search.max_failures`` trials in a row raised.
        """
        self._failures.check()
        job = self._next_job()
        if job is not None:
            self._running.add(job)
        return job

    def meter_proposals(self, meter: Meter) -> None:
        """Propose a batch, measure its latencies with nothing else running, reject the slow.

        Raises:
            NothingFits: no architecture fits the static limits, or many in a row were too slow.
            TooManyFailures: ``search.max_failures`` measurements in a row failed.
            DeviceBusy: the meter said so; what it had measured until then is kept.
        """
        assert not self._running
        self._failures.check()
        most = self.problem.latency.candidates_per_batch
        while self.trials.count(State.PROPOSED) < most and self._missing > 0:
            self._propose()
        self._filter.measure(meter, nothing_more=bool(self.ended_early))

    def reported(self, job: Job, epoch: int, accuracy: float) -> Decision:
        """Note that a job has reached a point of its curve, and decide what becomes of it there.

        ``stop`` is followed by :meth:`stopped`. A job that is to pause ends with :meth:`paused`,
        and repeats of finalists always go on.
        """
        self._furthest_epoch = max(self._furthest_epoch, epoch)
        if job.kind == "repeats" or job.pause_at is not None:
            return "continue"
        return self._at_rung(job.number, job.architecture, epoch, accuracy)

    def completed(self, job: Job, result: EvaluationResult) -> None:
        """Record what a job found."""
        self._end(job)
        metrics = self._metrics.of(job.architecture, result.metrics)
        if job.kind == "repeats":
            self._repeats.end(job.architecture, job.seed, metrics, result)
            return
        latency = self._filter.latency_of(job.architecture)
        self.trials.complete(job.number, metrics, result, latency)
        self._discard_state(job.number)

    def stopped(self, job: Job, result: EvaluationResult, *, epoch: int) -> None:
        """Record that a trial was stopped after ``epoch`` epochs."""
        self._end(job)
        latency = self._filter.latency_of(job.architecture)
        self.trials.prune(job.number, result, latency, epoch=epoch)

    def paused(
        self, job: Job, result: EvaluationResult, *, epoch: int, state: bytes | None
    ) -> None:
        """Record that a job has reached the epoch at which it pauses.

        Where the state is lost, or the driver dies before it is written, there is an older one of
        the trial or none, from which it goes on to the next rung all the same.

        Args:
            job: what was run.
            result: its curve until there.
            epoch: finished epochs.
            state: what it goes on from; None if it was lost with a node.

        Raises:
            RunError: the state cannot be written; what it found until here is kept.
        """
        self._end(job)
        latency = self._filter.latency_of(job.architecture)
        self.trials.pause(job.number, result, latency, epoch=epoch)
        decision = self._at_rung(
            job.number, job.architecture, epoch, curve_points(result.curve)[epoch]
        )
        assert decision == "pause"
        if state is None:
            return
        assert self._states is not None
        try:
            self._states.save(job.number, state)
        except OSError as error:
            raise RunError(
                f"cannot write {self._states.place_of(job.number)}, from which a paused training "
                f"would go on: {error.strerror or error}"
            ) from error

    def state_of(self, job: Job) -> bytes:
        """The state that a job resumes from.

        Raises:
            RunError: it cannot be read.
        """
        assert self._states is not None
        try:
            return self._states.load(job.number)
        except OSError as error:
            place = self._states.place_of(job.number)
            raise RunError(f"cannot read {place}: {error.strerror or error}") from error

    def failed(self, job: Job, error: str) -> None:
        """Record that a job raised, or its worker died; the search goes on."""
        self._running.discard(job)
        self._failures.note(_failures_of(job), error)
        if job.kind == "repeats":
            nothing = EvaluationResult({}, [], 0.0)
            self._repeats.end(job.architecture, job.seed, {}, nothing, error)
            return
        self.trials.fail(job.number, error)
        self._rule.withdraw(job.number)
        self._discard_state(job.number)

    def candidates(self) -> list[Candidate]:
        """Every architecture with a result, over all of its evaluations."""
        search, repeats = self.records.evaluations("search"), self.records.evaluations("repeats")
        return candidates([*search, *repeats])

    def status(self) -> Status:
        """How far the search is; the time left assumes that jobs go on taking as long."""
        current = self._repeats.current() if self._phase == "repeats" else Round(0, 0, [])
        return self._report.status(
            phase=self._phase,
            running=len(self._running),
            furthest_epoch=self._furthest_epoch,
            missing=self._missing,
            repeats_left=self._repeats.running + len(current.left),
            current_round=current,
        )

    @property
    def _phase(self) -> Literal["search", "repeats"]:
        """Repeats begin when no trial of the search's own is still to be proposed, or to end."""
        return "search" if self._missing or self.trials.begun else "repeats"

    @property
    def _missing(self) -> int:
        """Proposals still to be made."""
        if self.ended_early:
            return 0
        return max(0, self.problem.search.n_trials - self.trials.trained - self.trials.begun)

    @property
    def _more_begin(self) -> bool:
        """Whether further trials are to begin."""
        return self._missing > 0 or self.trials.count(State.PROPOSED) > 0

    def _next_job(self) -> Job | None:
        for ready in self.trials.of(State.READY):
            return self._job(self.trials.start(ready.number))
        promoted = self._promoted()
        if promoted is not None:
            return promoted
        if self._missing and not self._filter.measures and self.proposals.may_propose():
            self._propose()
            # Where the space is exhausted, what waits may go on now.
            return self._next_job()
        if self._missing or self.trials.count(*UNFINISHED):
            return None
        self._end_paused()
        return self._repeats.begin()

    def _promoted(self) -> Job | None:
        """The job of the paused trial that trains on; None if none does yet.

        A state that is not there any more is noted in the log, and the training begins anew.
        """
        last = self.problem.epochs
        arriving = [job.pause_at or last for job in self._running if job.kind == "search"]
        number = self._rule.next(more_begin=self._more_begin, arriving=arriving)
        if number is None:
            return None
        assert self._states is not None
        self._rule.promote(number)
        has_state = self._states.holds(number)
        if not has_state:
            log.warning(
                "%s is missing: trial %d is trained again from its first epoch",
                self._states.place_of(number),
                number,
            )
        trial = self.trials.start(number)
        return self._job(trial, from_epoch=trial.epochs if has_state else 0)

    def _propose(self) -> None:
        """Have one more proposal, ready to train unless its latency counts."""
        try:
            trial = self.proposals.propose()
        except SpaceExhausted as error:
            self.ended_early = str(error)
            return
        if not self._filter.measures:
            self.trials.pass_on(trial.number)

    def _job(self, trial: Trial, *, from_epoch: int = 0) -> Job:
        """The training of a trial until it pauses, or to its end."""
        later = [rung for rung in self.problem.rungs if rung > trial.epochs]
        pause_at = later[0] if self.problem.pauses and later else None
        seed = self.problem.seed
        return Job("search", trial.number, trial.architecture, seed, pause_at, from_epoch)

    def _at_rung(self, number: int, architecture: object, epoch: int, accuracy: float) -> Decision:
        if epoch not in self.problem.rungs:
            return "continue"
        return self._rule.report(number, epoch, self._losses(architecture, accuracy))

    def _losses(self, architecture: object, accuracy: float) -> list[float]:
        """The losses that rungs compare: one an objective, smaller is better."""
        metrics = self._metrics.at(architecture, accuracy)
        return losses(metrics, self.problem.compared, self.problem.maximised)

    def _restore_rungs(self) -> None:
        """Tell the rule what earlier drivers' trials came to at the rungs."""
        if not self.problem.rungs:
            return
        for row in self.records.evaluations("search"):
            trial = self.trials.trial(row.number)
            if trial.state not in (*TRAINED, State.PAUSED):
                continue
            for epoch, accuracy in rungs_of(row, self.problem.rungs).items():
                self._at_rung(row.number, row.architecture, epoch, accuracy)
            if trial.state == State.COMPLETE:
                self._rule.promote(row.number)
            elif trial.state == State.PRUNED:
                self._rule.end(row.number)
        if self._states is not None:
            self._states.keep_only({trial.number for trial in self.trials.of(State.PAUSED)})

    def _end_paused(self) -> None:
        """Stop all that wait, for good."""
        for trial in self.trials.of(State.PAUSED):
            self.trials.stop_paused(trial.number)
            self._rule.end(trial.number)
        if self._states is not None:
            self._states.keep_only(set())

    def _discard_state(self, number: int) -> None:
        if self._states is not None:
            self._states.discard(number)

    def _end(self, job: Job) -> None:
        """A job did not fail."""
        self._running.discard(job)
        self._failures.note_success(_failures_of(job))


def _failures_of(job: Job) -> FailureKind:
    """Trials that go on are counted apart: others begin, and pause, in between."""
    return "resumed trials" if job.resumes else "trials"
