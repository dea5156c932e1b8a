"""A search as a source of jobs: proposals until enough are trained, then repeats of the front.

Nothing here runs a job; :mod:`nas.ray` does, and hands back what came of it.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import Literal, NamedTuple

from nas.config import SearchConfig
from nas.constraints import PREDICTED_LATENCY, SpaceExhausted
from nas.evaluate import EvaluationResult
from nas.front import Candidate, candidates, pareto_front
from nas.latency_cache import LatencyCache
from nas.latency_records import Meter, first_latencies
from nas.ledger import TRAINED, Ledger, curve_points
from nas.paused_states import PausedStates
from nas.paused_trials import Leg, PausedTrials
from nas.proposals import Proposal, Proposals
from nas.repeats import unfinished_round
from nas.samplers.architecture_sampler import nothing_fits
from nas.samplers.results import NOTHING, WarmStart
from search_space.architecture import Architecture, Task
from search_space.cost.latency import DeviceBusy, Latency

log = logging.getLogger(__name__)

SLOW_IN_A_ROW = 100
"""Measured candidates over the latency limit, one after another, that end the search."""


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


class TooManyFailures(RuntimeError):
    """Trials kept raising; the message ends with the last traceback."""


class Status(NamedTuple):
    """How far a search is."""

    phase: Literal["search", "repeats"]
    trained: int
    wanted: int
    repeats_done: int
    repeats_wanted: int
    running: int
    failed: int
    paused: int  # at a rung
    stopped_early: int  # of those trained
    rejected: int
    best: Candidate | None  # by the first objective
    gpu_hours: float
    elapsed_seconds: float
    remaining_seconds: float | None


class Search:
    """Jobs of one search, in order, and the ledger of their results.

    Args:
        config: the search's.
        ledger: the run's, created or reopened.
        task: what the architectures are for.
        concurrency: how many jobs run at once.
        latencies: the run's measured latencies, if the search uses latency.
        warm_start: what is known before the first proposal.
        states: where paused trainings are kept, if the scheduler pauses any.

    Raises:
        DescriptionError: a sampler's name or option that does not exist.
        NothingFits: no architecture fits the limits; on resuming in the middle of a proposal.
    """

    def __init__(
        self,
        config: SearchConfig,
        ledger: Ledger,
        task: Task,
        *,
        concurrency: int,
        latencies: LatencyCache | None,
        warm_start: WarmStart = NOTHING,
        states: PausedStates | None = None,
    ) -> None:
        self.config = config
        self.ledger = ledger
        self.task = task
        self.proposals = Proposals(
            config, ledger, task, concurrency=concurrency, warm_start=warm_start
        )
        self.latencies = latencies
        # What the cache does not take any more (it is lost, or torch is another) is in the ledger.
        self._measured_before = first_latencies(ledger) if latencies is not None else {}
        self._exhausted = False
        self._slow: dict[str, float] = {}  # too slow, since the last one that was not
        while self.proposals.half_asked and not self._exhausted:
            self._propose()
        rows = ledger.evaluations("search")
        self.paused_trials: PausedTrials | None = None
        if config.promotes:
            assert states is not None, "a search that pauses trials needs a place for their states"
            self.paused_trials = PausedTrials(
                config, self.proposals, states, self._metrics_with, rows
            )
        self._turn_away_slow()
        self._ready: deque[Job] = deque(
            self._job(p) for p in self.proposals.unfinished if p not in self._unmeasured
        )
        self._running: set[Job] = set()
        self._round: list[Job] = []  # of repeats
        self._repeated = ledger.evaluations("repeats")
        self._started = time.monotonic()
        self._share_before = self.paused_trials.share_done if self.paused_trials else 0.0
        self._done_before = self.proposals.trained + len(self._repeated)
        rows = [*rows, *self._repeated]
        self.failed = sum(row.error is not None for row in rows)
        self.stopped_early = sum(row.state == "pruned" for row in rows)
        self._stopped_seconds = sum(row.gpu_seconds for row in rows if row.state == "pruned")
        self._failures_in_a_row = {"trials": 0, "measurements": 0}
        self._last_error = ""

    @property
    def finished(self) -> bool:
        """No job is left, and none is running."""
        if self._running or self._ready or self._missing or self._unmeasured:
            return False
        if self.proposals.paused:
            return False
        return not self._repeats()

    @property
    def needs_metering(self) -> bool:
        """Whether the next jobs exist only once :meth:`meter_proposals` has run."""
        lacking = self._missing > 0 or bool(self._unmeasured)
        return self.latencies is not None and lacking and not self._ready

    def next_job(self) -> Job | None:
        """The next job to run; None while there is none (perhaps until a running one ends).

        Raises:
            NothingFits: no architecture fits the limits.
            TooManyFailures: ``search.max_failures`` trials in a row raised.
        """
        self._check_failures()
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
        assert self.latencies is not None
        assert not self._running
        self._check_failures()
        while (
            len(self._unmeasured) < self.config.latency.candidates_per_batch and self._missing > 0
        ):
            self._propose()
        batch = self._unmeasured
        measured = meter([proposal.architecture for proposal in batch])
        for proposal, latency in zip(batch, measured, strict=True):
            if isinstance(latency, DeviceBusy):
                raise latency
            if isinstance(latency, str):
                self._note_failure(latency, "measurements")
                self.proposals.fail(proposal, latency)
                continue
            self._failures_in_a_row["measurements"] = 0
            self.latencies.put(proposal.architecture, latency)
        self._turn_away_slow()
        self._ready = deque(self._job(proposal) for proposal in self.proposals.unfinished)

    def completed(self, job: Job, result: EvaluationResult) -> None:
        """Record what a job found."""
        self._running.discard(job)
        self._failures_in_a_row["trials"] = 0
        metrics = self._with_costs(job.architecture, result.metrics)
        if job.proposal is None:
            self._add_repeat(job, metrics, result, error=None)
        else:
            latency = self._latency(job.architecture)
            self.proposals.complete(job.proposal, metrics, result, latency)
            if self.paused_trials is not None:
                self.paused_trials.complete(job.proposal)

    def metrics_at(self, job: Job, val_accuracy: float) -> dict[str, float]:
        """What a trial's metrics are as long as its accuracy is this one: what rungs compare."""
        return self._metrics_with(job.architecture, val_accuracy)

    def paused(self, job: Job, result: EvaluationResult, *, epoch: int) -> None:
        """Record that a job has reached the epoch at which it pauses."""
        assert job.proposal is not None
        assert self.paused_trials is not None
        self._running.discard(job)
        self._failures_in_a_row["trials"] = 0
        latency = self._latency(job.architecture)
        self.paused_trials.pause(job.proposal, result, latency, epoch=epoch)

    def stopped(self, job: Job, result: EvaluationResult, *, epoch: int) -> None:
        """Record that a trial was stopped after ``epoch`` epochs; repeats never are."""
        assert job.proposal is not None
        self._running.discard(job)
        self._failures_in_a_row["trials"] = 0
        self.stopped_early += 1
        self._stopped_seconds += result.gpu_seconds
        latency = self._latency(job.architecture)
        self.proposals.prune(job.proposal, result, latency, stopped_at_epoch=epoch)

    def rung_records(self) -> list[tuple[int, list[tuple[int, dict[str, float]]]]]:
        """Each trained trial's number, and by rung that it reached :meth:`metrics_at` it."""
        rungs = self.config.rungs
        if not rungs:
            return []
        return [
            (
                row.number,
                [
                    (epoch, self._metrics_with(row.architecture, accuracy))
                    for epoch, accuracy in curve_points(row.curve).items()
                    if epoch in rungs
                ],
            )
            for row in self.ledger.evaluations("search")
            if row.state in TRAINED
        ]

    def failed_with(self, job: Job, error: str) -> None:
        """Record that a job raised, or its worker died; the search goes on."""
        self._running.discard(job)
        self._note_failure(error, "trials")
        if job.proposal is not None:
            self.proposals.fail(job.proposal, error)
            if self.paused_trials is not None:
                self.paused_trials.withdraw(job.proposal)
        else:
            self._add_repeat(job, {}, EvaluationResult({}, [], 0.0), error)

    def _metrics_with(self, architecture: Architecture, val_accuracy: float) -> dict[str, float]:
        return self._with_costs(architecture, {"val_accuracy": val_accuracy})

    def _with_costs(self, architecture: Architecture, found: dict[str, float]) -> dict[str, float]:
        """What a training found, with the exact costs and the measured latency."""
        costs = self.proposals.costs(architecture)
        costs.pop(PREDICTED_LATENCY, None)  # the measured one is known
        latency = self._latency(architecture)
        if latency is None:
            return found | costs
        metrics = found | costs | {"latency_ms": latency.latency_ms}
        if self.config.latency.target_ms is not None and "val_accuracy" in found:
            weighed = self.config.latency.weighed(found["val_accuracy"], latency.latency_ms)
            metrics["val_accuracy_by_latency"] = weighed
        return metrics

    def _latency(self, architecture: Architecture) -> Latency | None:
        if self.latencies is None:
            return None
        return self.latencies.get(architecture) or self._measured_before.get(architecture.arch_id)

    def candidates(self) -> list[Candidate]:
        """Every architecture with a result, over all of its evaluations."""
        return candidates([*self.ledger.evaluations("search"), *self.ledger.evaluations("repeats")])

    def status(self) -> Status:
        """How far the search is; the time left assumes that jobs go on taking as long."""
        found = self.candidates()
        waiting = len(self._ready) + len(self._unmeasured) + len(self.proposals.paused)
        searching = self._missing or waiting
        in_repeats = not searching and not self._running_of("search")
        elapsed = time.monotonic() - self._started
        rejections = self.proposals.rejections.to_json().values()
        repeats_left = self._running_of("repeats")
        repeats_left += len(self._repeats()) if in_repeats else 0
        done, left = self._progress(repeats_left)
        partial_seconds = self._stopped_seconds
        if self.paused_trials is not None:
            partial_seconds += self.paused_trials.gpu_seconds
        objective = self.config.objectives[0]
        best = pareto_front(found, [objective])
        return Status(
            phase="repeats" if in_repeats else "search",
            trained=self.proposals.trained,
            wanted=self.config.search.n_trials,
            repeats_done=len(self._repeated),
            repeats_wanted=len(self._repeated) + repeats_left,
            running=len(self._running),
            failed=self.failed,
            paused=len(self.proposals.paused),
            stopped_early=self.stopped_early,
            rejected=sum(entry["count"] for entry in rejections),
            best=best[0] if best else None,
            gpu_hours=(partial_seconds + sum(c.gpu_seconds for c in found)) / 3600,
            elapsed_seconds=elapsed,
            remaining_seconds=elapsed / done * left if done else None,
        )

    def _progress(self, repeats_left: int) -> tuple[float, float]:
        """What this driver has done and what is left, in jobs, or in epochs' shares of a search."""
        repeats = len(self._repeated)
        if self.paused_trials is None or repeats or repeats_left:
            done = self.proposals.trained + repeats - self._done_before
            left = self._missing + len(self.proposals.unfinished) + repeats_left
            return done, left
        share = self.paused_trials.share_done
        return share - self._share_before, 1 - share

    @property
    def _missing(self) -> int:
        """Proposals still to be made."""
        if self._exhausted:
            return 0
        begun = len(self.proposals.unfinished) + len(self.proposals.paused)
        return max(0, self.config.search.n_trials - self.proposals.trained - begun)

    def _running_of(self, kind: Literal["search", "repeats"]) -> int:
        """How many jobs of a kind are running."""
        return sum(job.kind == kind for job in self._running)

    @property
    def _unmeasured(self) -> list[Proposal]:
        """Proposals whose latency is needed and not known."""
        if self.latencies is None:
            return []
        return [p for p in self.proposals.unfinished if self.latencies.get(p.architecture) is None]

    def _turn_away_slow(self) -> None:
        """Reject the proposals that were measured over the limit."""
        if self.latencies is None:
            return
        for proposal in self.proposals.unfinished:
            latency = self.latencies.get(proposal.architecture)
            if latency is None:
                continue
            violations = self.config.limits.latency_violations(latency.latency_ms)
            if violations:
                self.proposals.reject(proposal, violations)
                self._slow[proposal.architecture.arch_id] = latency.latency_ms
            else:
                self._slow.clear()
        space, limits = self.proposals.space, self.config.limits.given
        if len(self._slow) >= SLOW_IN_A_ROW:
            smallest = {"latency_ms": min(self._slow.values())}
            raise nothing_fits(space, limits, len(self._slow), smallest)
        turned_away = self.proposals.rejections.to_json().get("latency_ms")
        kept = self.proposals.trained + len(self.proposals.paused)
        is_over = self._exhausted and not self.proposals.unfinished and not kept
        if is_over and turned_away is not None:  # of a small space, all of it
            smallest = {"latency_ms": turned_away["smallest"]}
            raise nothing_fits(space, limits, turned_away["count"], smallest)

    def _new_job(self) -> Job | None:
        if self._unmeasured:
            return None
        if self.paused_trials is not None:
            nothing_else = not self._missing and not self._running_of("search")
            leg = self.paused_trials.next_leg(nothing_else=nothing_else)
            if leg is not None:
                return self._leg(leg)
        if self._missing:
            if self.latencies is not None or not self.proposals.may_propose():
                return None
            proposal = self._propose()
            if proposal is not None:
                return self._job(proposal)
        if self._running_of("search"):
            return None
        if self.paused_trials is not None:
            ended = self.paused_trials.end_all()
            self.stopped_early += len(ended)
            self._stopped_seconds += sum(ended)
        repeats = self._repeats()
        return repeats.pop(0) if repeats else None

    def _propose(self) -> Proposal | None:
        try:
            return self.proposals.propose()
        except SpaceExhausted as error:
            log.warning("%s; the search ends with fewer trials than asked", error)
            self._exhausted = True
            return None

    def _repeats(self) -> list[Job]:
        """What is left of the round of repeats that runs, or of the next one."""
        if not self._round and not self._running_of("repeats"):
            left = unfinished_round(self.config, self.ledger.evaluations("search"), self._repeated)
            self._round = [Job(architecture, seed, None) for architecture, seed in left]
        return self._round

    def _add_repeat(
        self, job: Job, metrics: dict[str, float], result: EvaluationResult, error: str | None
    ) -> None:
        row = self.ledger.add(
            "repeats",
            job.architecture,
            seed=job.seed,
            metrics=metrics,
            curve=result.curve,
            gpu_seconds=result.gpu_seconds,
            recipe_id=self.config.proxy_id,
            error=error,
        )
        self._repeated.append(row)

    def _check_failures(self) -> None:
        for kind, count in self._failures_in_a_row.items():
            if count >= self.config.search.max_failures:
                raise TooManyFailures(
                    f"{count} {kind} in a row failed (search.max_failures); "
                    f"the last one with:\n{self._last_error}"
                )

    def _note_failure(self, error: str, kind: Literal["trials", "measurements"]) -> None:
        self.failed += 1
        self._failures_in_a_row[kind] += 1
        self._last_error = error

    def _job(self, proposal: Proposal) -> Job:
        if self.paused_trials is not None:
            return self._leg(self.paused_trials.first_leg(proposal))
        return Job(proposal.architecture, self.config.seed, proposal)

    def _leg(self, leg: Leg) -> Job:
        architecture = leg.proposal.architecture
        return Job(architecture, self.config.seed, leg.proposal, leg.pause_at, leg.resumes)
