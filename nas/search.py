"""A search as a source of jobs: proposals until enough are trained, then repeats of the front.

Nothing here runs a job; :mod:`nas.ray` does, and hands back what came of it.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import Literal, NamedTuple

from nas.config import SearchConfig
from nas.constraints import SpaceExhausted
from nas.evaluate import EvaluationResult
from nas.failures import FailureKind, Failures
from nas.front import Candidate, candidates
from nas.latency_cache import LatencyCache
from nas.latency_gate import LatencyGate
from nas.latency_records import Meter
from nas.ledger import TRAINED, Ledger
from nas.paused_states import PausedStates
from nas.paused_trials import Leg, PausedTrials
from nas.proposals import Proposal, Proposals
from nas.repeat_rounds import RepeatRounds
from nas.repeats import Round
from nas.samplers.trials import NOTHING, WarmStart
from nas.status import Status, StatusReport
from nas.trial_metrics import TrialMetrics
from search_space.architecture import Architecture, Task

log = logging.getLogger(__name__)


class Job(NamedTuple):
    """One training: a proposal's, or a further one of a finalist with another seed."""

    architecture: Architecture
    seed: int
    proposal: Proposal | None
    pause_at: int | None = None  # the epoch; None trains to the end
    resumes: bool = False  # from the state of the proposal's earlier job

    @property
    def kind(self) -> Literal["search", "repeats"]:
        """Which of the ledger's studies its result belongs to."""
        return "repeats" if self.proposal is None else "search"


class Search:
    """Jobs of one search, in order, and the ledger of their results.

    Args:
        config: the search's.
        ledger: the run's, created or reopened.
        task: what the architectures are for.
        latencies: the run's measured latencies, if the search uses latency.
        warm_start: what is known before the first proposal.
        states: where paused trainings are kept, if the scheduler pauses any.

    Raises:
        DescriptionError: a sampler's name or option that does not exist.
        NothingFits: many proposals that an earlier driver had measured are too slow.
    """

    def __init__(
        self,
        config: SearchConfig,
        ledger: Ledger,
        task: Task,
        *,
        latencies: LatencyCache | None,
        warm_start: WarmStart = NOTHING,
        states: PausedStates | None = None,
    ) -> None:
        self.config = config
        self.ledger = ledger
        self.task = task
        self.proposals = Proposals(config, ledger, task, warm_start=warm_start)
        self._failures = Failures(config.search.max_failures)
        self._gate = LatencyGate(config, ledger, self.proposals, latencies, self._failures)
        self._metrics = TrialMetrics(config, self.proposals.costs, self._gate.latency_of)
        self.paused_trials: PausedTrials | None = None
        if config.promotes:
            assert states is not None, "a search that pauses trials needs a place for their states"
            rows = ledger.evaluations("search")
            self.paused_trials = PausedTrials(
                config, self.proposals, states, self._metrics.at, rows
            )
        self._repeats = RepeatRounds(config, ledger)
        self._exhausted = False
        self._ready = deque(map(self._job, self._gate.passed))
        self._running: set[Job] = set()
        self._furthest_epoch = 0
        self._report = StatusReport(config, ledger, self.proposals, self.paused_trials)

    @property
    def finished(self) -> bool:
        """No job is left, and none is running."""
        if self._running or self._phase == "search":
            return False
        return not self._repeats.current().left

    @property
    def needs_metering(self) -> bool:
        """Whether the next jobs exist only once :meth:`meter_proposals` has run."""
        if not self._gate.measures or self._ready or not self._more_begin:
            return False
        return self.paused_trials is None or not self.paused_trials.may_go_on

    def next_job(self) -> Job | None:
        """The next job to run; None while there is none (perhaps until a running one ends).

        Raises:
            NothingFits: no architecture fits the limits.
            TooManyFailures: ``search.max_failures`` trials in a row raised.
        """
        self._failures.check()
        job = self._ready.popleft() if self._ready else self._new_job()
        if job is not None:
            self._running.add(job)
        return job

    def meter_proposals(self, meter: Meter) -> None:
        """Propose a batch, measure its latencies with nothing else running, turn away the slow.

        Raises:
            NothingFits: no architecture fits the static limits, or many in a row were too slow.
            TooManyFailures: ``search.max_failures`` measurements in a row failed.
            DeviceBusy: the meter said so; what it had measured until then is kept.
        """
        assert not self._running
        self._failures.check()
        most = self.config.latency.candidates_per_batch
        while len(self._gate.waiting) < most and self._missing > 0:
            self._propose()
        self._gate.measure(meter, nothing_more=self._exhausted)
        self._ready = deque(map(self._job, self._gate.passed))

    def heard(self, epoch: int) -> None:
        """Note that a job has reached a point of its curve."""
        self._furthest_epoch = max(self._furthest_epoch, epoch)

    def completed(self, job: Job, result: EvaluationResult) -> None:
        """Record what a job found."""
        self._end(job)
        metrics = self._metrics.of(job.architecture, result.metrics)
        if job.proposal is None:
            self._repeats.end(job.architecture, job.seed, metrics, result)
            return
        latency = self._gate.latency_of(job.architecture)
        self.proposals.complete(job.proposal, metrics, result, latency)
        if self.paused_trials is not None:
            self.paused_trials.complete(job.proposal)

    def metrics_at(self, job: Job, val_accuracy: float) -> dict[str, float]:
        """What a trial's metrics are as long as its accuracy is this one: what rungs compare."""
        return self._metrics.at(job.architecture, val_accuracy)

    def paused(
        self, job: Job, result: EvaluationResult, *, epoch: int, state: bytes | None
    ) -> None:
        """Record that a job has reached the epoch at which it pauses.

        Raises:
            RunError: see :meth:`nas.paused_trials.PausedTrials.pause`.
        """
        assert job.proposal is not None
        assert self.paused_trials is not None
        self._end(job)
        latency = self._gate.latency_of(job.architecture)
        self.paused_trials.pause(job.proposal, result, latency, epoch=epoch, state=state)

    def state_of(self, job: Job) -> bytes:
        """What a job resumes from.

        Raises:
            RunError: see :meth:`nas.paused_trials.PausedTrials.state_of`.
        """
        assert job.proposal is not None
        assert self.paused_trials is not None
        return self.paused_trials.state_of(job.proposal)

    def stopped(self, job: Job, result: EvaluationResult, *, epoch: int) -> None:
        """Record that a trial was stopped after ``epoch`` epochs; repeats never are."""
        assert job.proposal is not None
        self._end(job)
        latency = self._gate.latency_of(job.architecture)
        self.proposals.prune(job.proposal, result, latency, stopped_at_epoch=epoch)

    def rung_records(self) -> list[tuple[int, list[tuple[int, dict[str, float]]]]]:
        """Each trained trial's number, and by rung that it reached :meth:`metrics_at` it.

        Empty where no scheduler stops trials; which go on, the search itself knows.
        """
        if not self.config.rungs or self.config.promotes:
            return []
        trained = [row for row in self.ledger.evaluations("search") if row.state in TRAINED]
        return self._metrics.at_rungs(trained, self.config.rungs)

    def failed_with(self, job: Job, error: str) -> None:
        """Record that a job raised, or its worker died; the search goes on."""
        self._running.discard(job)
        self._failures.note(_failures_of(job), error)
        if job.proposal is None:
            nothing = EvaluationResult({}, [], 0.0)
            self._repeats.end(job.architecture, job.seed, {}, nothing, error)
            return
        self.proposals.fail(job.proposal, error)
        if self.paused_trials is not None:
            self.paused_trials.withdraw(job.proposal)

    def candidates(self) -> list[Candidate]:
        """Every architecture with a result, over all of its evaluations."""
        return candidates([*self.ledger.evaluations("search"), *self.ledger.evaluations("repeats")])

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
        left = self._missing or self.proposals.unfinished or self.proposals.paused
        return "search" if left else "repeats"

    @property
    def _missing(self) -> int:
        """Proposals still to be made."""
        if self._exhausted:
            return 0
        begun = len(self.proposals.unfinished) + len(self.proposals.paused)
        return max(0, self.config.search.n_trials - self.proposals.trained - begun)

    @property
    def _more_begin(self) -> bool:
        """Whether further trials are to begin."""
        return self._missing > 0 or bool(self._gate.waiting)

    def _new_job(self) -> Job | None:
        if self.paused_trials is not None:
            last = self.config.proxy.epochs
            arriving = [job.pause_at or last for job in self._running if job.kind == "search"]
            leg = self.paused_trials.next_leg(more_begin=self._more_begin, arriving=arriving)
            if leg is not None:
                return self._leg(leg)
        if self._gate.waiting:
            return None
        if self._missing:
            if self._gate.measures or not self.proposals.may_propose():
                return None
            proposal = self._propose()
            # Where the space is exhausted, what waits may go on now.
            return self._new_job() if proposal is None else self._job(proposal)
        if self.proposals.unfinished:
            return None
        if self.paused_trials is not None:
            self.paused_trials.end_all()
        repeat = self._repeats.begin()
        return None if repeat is None else Job(*repeat, proposal=None)

    def _propose(self) -> Proposal | None:
        try:
            return self.proposals.propose()
        except SpaceExhausted as error:
            log.warning("%s; the search ends with fewer trials than asked", error)
            self._exhausted = True
            return None

    def _end(self, job: Job) -> None:
        """A job did not fail."""
        self._running.discard(job)
        self._failures.note_success(_failures_of(job))

    def _job(self, proposal: Proposal) -> Job:
        if self.paused_trials is not None:
            return self._leg(self.paused_trials.first_leg(proposal))
        return Job(proposal.architecture, self.config.seed, proposal)

    def _leg(self, leg: Leg) -> Job:
        architecture = leg.proposal.architecture
        return Job(architecture, self.config.seed, leg.proposal, leg.pause_at, leg.resumes)


def _failures_of(job: Job) -> FailureKind:
    """Trials that go on are counted apart: others begin, and pause, in between."""
    return "resumed trials" if job.resumes else "trials"
