"""Ray Tune's searcher: gets jobs from a search, and reports their results to it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Any

from ray.exceptions import RayActorError
from ray.tune.search import Searcher

from nas.errors import ClusterError
from nas.evaluation.evaluate import EvaluationResult, Progress
from nas.evaluation.messages import (
    REPORT,
    REQUEST,
    Completed,
    Pausing,
    Raised,
    Report,
    Training,
    TrialRequest,
)
from nas.ray.checkpoint_exchange import CheckpointExchange
from nas.ray.recovery.deaths import cause_of, is_fault_of_machine, is_of_node, node_of
from nas.ray.workers import RunningWorker
from nas.schedulers.protocol import Decision
from nas.search.job import Job
from nas.search.loop import Search

log = logging.getLogger(__name__)

ASK_EVERY_SECONDS = 2.0


class SearchJobs(Searcher):
    """The jobs of a :class:`nas.search.loop.Search` as Tune's suggestions, in the driver.

    An error of the search ends the Tune run and is kept in ``error``, for the caller to raise.

    Args:
        search: the source of jobs.
        most_running: jobs at the same time.
        nodes: returns how many nodes can hold a job.
        on_change: called when there may be something new to show.
        on_end: called when a job has ended, in whatever way, but for a lost worker.
        exchange: carries the states of paused trainings, if trials pause.
        nodes_for: returns the nodes that a job may run on, of which it avoids some; none for all.

    Attributes:
        running: the running jobs with their workers, by Tune's trial id.
        error: what the search raised.
    """

    def __init__(
        self,
        search: Search,
        most_running: Callable[[], int],
        nodes: Callable[[], int],
        on_change: Callable[[], None],
        on_end: Callable[[], None],
        exchange: CheckpointExchange | None = None,
        nodes_for: Callable[[Collection[str]], tuple[str, ...]] = lambda avoided: (),
    ) -> None:
        super().__init__()
        self._search = search
        self._most_running = most_running
        self.nodes = nodes
        self._on_change = on_change
        self._on_end = on_end
        self.exchange = exchange
        self._nodes_for = nodes_for
        self.running: dict[str, RunningWorker] = {}
        self.error: BaseException | None = None
        self._is_closed = False  # Tune was told that there are no more jobs

    def suggest(  # type: ignore[override]
        self, trial_id: str
    ) -> dict[str, Any] | str | None:
        """Return the next job as a trial's config; None for "not now"."""
        try:
            job = None if self._is_over else self._next_job()
            if job is None:
                self._is_closed = self._is_over  # next_job may have ended the paused trials
                return Searcher.FINISHED if self._is_closed else None
        except Exception as error:  # noqa: BLE001 (raised again by the caller, outside Tune)
            self.error = error
            return Searcher.FINISHED
        self._search.time.idle("waiting_driver")
        avoided = job.avoided_nodes
        if avoided and self.nodes() <= len(avoided):
            avoided = ()
        nodes = self._nodes_for(avoided)
        self.running[trial_id] = RunningWorker(job, avoided, nodes)
        self.note_queue()
        self.changed()
        text = job.architecture.canonical_json()
        request = TrialRequest(
            text, job.seed, job.number, job.pause_at, job.resumes, avoided, nodes
        )
        return {REQUEST: request}

    def note_queue(self) -> int:
        """Tell the search how many jobs have no worker yet, and return it."""
        self._search.queued = sum(worker.actor is None for worker in self.running.values())
        return self._search.queued

    def wait_for_a_node(self) -> None:
        """Wait until a living node can hold a job; if none comes, end with an error."""
        waiting, settings = self._search.waiting, self._search.problem.search
        reason = "a node that holds a trial"
        with waiting.on(reason, settings.patience_seconds, part="waiting_cpus"):
            while not self.nodes():
                if waiting.is_over:
                    self.error = ClusterError(
                        "no node of the cluster holds a trial, and none came in "
                        f"{settings.patience_minutes:g} minutes (search.patience_minutes); add "
                        "one, then continue with --resume"
                    )
                    raise self.error
                waiting.sleep(ASK_EVERY_SECONDS)

    @property
    def _is_over(self) -> bool:
        """Whether this run of Tune has no more jobs."""
        if self.error is not None or self._search.finished:
            return True
        return self._search.needs_metering and not self.running

    def _next_job(self) -> Job | None:
        if len(self.running) >= self._most_running():
            self._search.time.idle("waiting_memory")  # else Tune would not ask
            return None
        if not self.nodes():
            self.wait_for_a_node()
        self._search.time.idle("waiting_driver")
        job = self._search.next_job()
        if job is None:
            self._search.time.idle("waiting_work")
        elif job.resumes:
            self._send_state(job)
        return job

    def seconds_allowed(self, job: Job) -> float | None:
        """See :meth:`nas.search.loop.Search.seconds_allowed`."""
        return self._search.seconds_allowed(job)

    def decide(self, trial_id: str, result: dict[str, Any]) -> Decision:
        """Ask the search whether a trial continues from a point of its curve."""
        outcome = _report(result).outcome
        if not isinstance(outcome, Training) or self.error is not None:
            return "continue"
        progress = outcome.progress
        try:
            return self._search.reported(
                self.running[trial_id].job, progress.epoch, progress.val_accuracy
            )
        except Exception as error:  # noqa: BLE001 (raised again by the caller, outside Tune)
            self.error = error
            return "continue"

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Show a point of a curve, which :meth:`decide` has reported to the search."""
        self.changed()

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Record a trial's result, or its part if it was stopped."""
        if error or result is None:  # :meth:`lost` has recorded it
            return
        job = self.running.pop(trial_id).job
        self._on_end()
        try:
            self._record(job, _report(result))
        except Exception as failure:  # noqa: BLE001 (raised again by the caller, outside Tune)
            self.error = failure
        if self._is_closed:  # Tune asks for no further job
            self._search.time.idle("waiting_work")
        self._discard_state(job)

    def began(self, trial_id: str, actor: Any) -> None:
        """Record that a worker begins a trial's job."""
        worker = self.running[trial_id]
        worker.begin(actor)
        self._search.time.places.started(worker.job, worker.actor_id)

    def note_time(self, without_resources: int, shortage: str) -> None:
        """Account for the time that passes, and say what is waited for.

        Args:
            without_resources: how many jobs wait for CPUs or GPUs.
            shortage: what these wait for; empty for none.
        """
        self._search.waiting.beside = shortage
        self._search.time.places.look(without_resources)
        try:
            self._search.time.note()
        except Exception as error:  # noqa: BLE001 (raised again by the caller, outside Tune)
            self.error = error

    def lost(self, trial_id: str, error: BaseException) -> None:
        """Record that a trial's worker was lost, with the exception that Ray raised for it."""
        worker = self.running[trial_id]
        if not worker.node and isinstance(error, RayActorError) and error.actor_id:
            worker.node = node_of(error.actor_id)
        is_machine = is_of_node(error) or is_fault_of_machine(error)
        self.lose(trial_id, cause_of(error), counts=not is_machine)

    def lose(self, trial_id: str, cause: str, *, counts: bool) -> None:
        """Record that a trial's worker was lost; its job runs again.

        Args:
            trial_id: Tune's.
            cause: why, in one line, if this driver did not end the worker itself.
            counts: whether that counts against the architecture.
        """
        worker = self.running.pop(trial_id)
        cause = worker.cause or cause
        if counts:
            log.warning(
                "trial %d lost its worker on node %s: %s",
                worker.job.number,
                worker.node[:12] or "unknown",
                cause,
            )
        try:
            nodes = max(1, self.nodes()) if counts else 1  # Ray may be gone
            self._search.lost(worker.job, worker.node, cause, counts=counts, nodes=nodes)
        except Exception as failure:  # noqa: BLE001 (raised again by the caller, outside Tune)
            self.error = failure
        self._discard_state(worker.job)

    def changed(self) -> None:
        """Say that there may be something new to show, unless the search has ended in an error."""
        if self.error is not None:
            return
        try:
            self._on_change()
        except Exception as error:  # noqa: BLE001 (raised again by the caller, outside Tune)
            self.error = error

    def _record(self, job: Job, report: Report) -> None:
        if report.began_anew:
            log.warning(
                "trial %d cannot continue from its state: %s; it is trained again from its first "
                "epoch",
                job.number,
                report.began_anew,
            )
        match report.outcome:
            case Raised(traceback):
                self._search.failed(job, traceback, report.seconds)
            case Completed(result):
                measured = result._replace(worker=report.worker, seconds=report.seconds)
                self._search.completed(job, measured)
            case Pausing(progress):
                assert self.exchange is not None
                part, state = _part(progress, report), self.exchange.get(job.number)
                self._search.paused(job, part, epoch=progress.epoch, state=state)
            case Training(progress):  # it was stopped there
                self._search.stopped(job, _part(progress, report), epoch=progress.epoch)

    def _send_state(self, job: Job) -> None:
        assert self.exchange is not None
        self.exchange.put(job.number, self._search.state_of(job))

    def _discard_state(self, job: Job) -> None:
        if self.exchange is not None and job.kind == "search":
            self.exchange.discard(job.number)

    def __getstate__(self) -> dict[str, Any]:
        """Return no state when Tune pickles its experiment: the ledger is the state."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the ledger is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: the ledger is the state."""


def _report(result: dict[str, Any]) -> Report:
    report = result[REPORT]
    assert isinstance(report, Report)
    return report


def _part(progress: Progress, report: Report) -> EvaluationResult:
    """Return the result of a training that did not end."""
    return EvaluationResult(
        {}, progress.curve, progress.device_seconds, report.worker, report.seconds
    )
