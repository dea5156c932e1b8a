"""Ray Tune's searcher: gets jobs from a search, and reports their results to it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ray.tune.search import Searcher

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
from nas.schedulers.protocol import Decision
from nas.search.job import Job
from nas.search.loop import Search

log = logging.getLogger(__name__)


class SearchJobs(Searcher):
    """The jobs of a :class:`nas.search.loop.Search` as Tune's suggestions, in the driver.

    An error of the search ends the Tune run and is kept in ``error``, for the caller to raise.

    Args:
        search: the source of jobs.
        on_change: called when there may be something new to show.
        exchange: carries the states of paused trainings, if trials pause.
    """

    def __init__(
        self,
        search: Search,
        on_change: Callable[[], None],
        exchange: CheckpointExchange | None = None,
    ) -> None:
        super().__init__()
        self._search = search
        self._on_change = on_change
        self.exchange = exchange
        self._jobs: dict[str, Job] = {}
        self.error: BaseException | None = None
        self.causes_of_death: dict[str, str] = {}  # by Tune's trial id

    def suggest(  # type: ignore[override]
        self, trial_id: str
    ) -> dict[str, Any] | str | None:
        """Return the next job as a trial's config; None for "not now"."""
        if self.error is not None:
            return Searcher.FINISHED
        try:
            if self._search.finished or (self._search.needs_metering and not self._jobs):
                return Searcher.FINISHED
            job = self._search.next_job()
            if job is None and self._search.finished:  # next_job has just ended the paused trials
                return Searcher.FINISHED
            if job is not None and job.resumes:
                self._send_state(job)
        except Exception as error:  # noqa: BLE001 (raised again by the caller, outside Tune)
            self.error = error
            return Searcher.FINISHED
        if job is None:
            return None
        self._jobs[trial_id] = job
        self._changed()
        text = job.architecture.canonical_json()
        return {REQUEST: TrialRequest(text, job.seed, job.number, job.pause_at, job.resumes)}

    def decide(self, trial_id: str, result: dict[str, Any]) -> Decision:
        """Ask the search whether a trial continues from a point of its curve."""
        outcome = _report(result).outcome
        if not isinstance(outcome, Training) or self.error is not None:
            return "continue"
        progress = outcome.progress
        try:
            return self._search.reported(
                self._jobs[trial_id], progress.epoch, progress.val_accuracy
            )
        except Exception as error:  # noqa: BLE001 (raised again by the caller, outside Tune)
            self.error = error
            return "continue"

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Show a point of a curve, which :meth:`decide` has reported to the search."""
        self._changed()

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Record a trial's result, its part if it was stopped, or why it failed."""
        job = self._jobs.pop(trial_id)
        try:
            if error or result is None:
                cause = self.causes_of_death.get(
                    trial_id, "killed, out of memory, or its node was lost"
                )
                self._search.failed(job, f"the worker died: {cause}")
            else:
                self._record(job, _report(result))
        except Exception as failure:  # noqa: BLE001 (raised again by the caller, outside Tune)
            self.error = failure
        if self.exchange is not None and job.kind == "search":
            self.exchange.discard(job.number)

    def _changed(self) -> None:
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
                self._search.failed(job, traceback)
            case Completed(result):
                self._search.completed(job, result._replace(worker=report.worker))
            case Pausing(progress):
                assert self.exchange is not None
                part, state = _part(progress, report), self.exchange.get(job.number)
                self._search.paused(job, part, epoch=progress.epoch, state=state)
            case Training(progress):  # it was stopped there
                self._search.stopped(job, _part(progress, report), epoch=progress.epoch)

    def _send_state(self, job: Job) -> None:
        assert self.exchange is not None
        self.exchange.put(job.number, self._search.state_of(job))

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
    return EvaluationResult({}, progress.curve, progress.device_seconds, report.worker)
