"""Ray Tune's view of a search: it asks for jobs, and hands back what came of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from ray.tune.search import Searcher

from nas.evaluate import EvaluationResult
from nas.ray.mailbox import Mailbox
from nas.search import Job, Search

log = logging.getLogger(__name__)

KEPT_BEFORE_THE_END = ("curve", "device_seconds", "worker")
"""What a report of a trial that is stopped or pauses has of an evaluation's result."""


class SearchJobs(Searcher):
    """Jobs of a :class:`nas.search.Search`, as Tune's suggestions. Runs in the driver.

    An error while proposing ends the Tune run; it is kept in ``error`` for the caller to raise.

    Args:
        search: the source of jobs.
        on_change: called whenever there may be something new to show.
        mailbox: for the states of paused trainings, if the search pauses any.
    """

    def __init__(
        self, search: Search, on_change: Callable[[], None], mailbox: Mailbox | None = None
    ) -> None:
        super().__init__()
        self._search = search
        self._on_change = on_change
        self.mailbox = mailbox
        self._jobs: dict[str, Job] = {}
        self.error: BaseException | None = None
        self.stopped: set[str] = set()  # ids of trials that the scheduler stopped
        self.causes_of_death: dict[str, str] = {}  # trial id -> what Tune knows of it

    def suggest(  # type: ignore[override]
        self, trial_id: str
    ) -> dict[str, Any] | str | None:
        """The next job as a trial's config; None for "not now"."""
        if self.error is not None:
            return Searcher.FINISHED
        try:
            if self._search.finished or (self._search.needs_metering and not self._jobs):
                return Searcher.FINISHED
            job = self._search.next_job()
            if job is None and self._search.finished:  # what waited was ended just now
                return Searcher.FINISHED
            if job is not None and job.resumes:
                self._send_state(job)
        except Exception as error:  # noqa: BLE001 (raised again by the caller, outside Tune)
            self.error = error
            return Searcher.FINISHED
        if job is None:
            return None
        self._jobs[trial_id] = job
        self._on_change()
        return {
            "architecture": job.architecture.canonical_json(),
            "seed": job.seed,
            "trial": None if job.proposal is None else job.proposal.number,
            "pause_at": job.pause_at,
            "resumes": job.resumes,
        }

    def _send_state(self, job: Job) -> None:
        assert self.mailbox is not None
        assert job.proposal is not None
        self.mailbox.put(job.proposal.number, self._search.state_of(job))

    def _received_state(self, job: Job) -> bytes | None:
        assert self.mailbox is not None
        assert job.proposal is not None
        return self.mailbox.get(job.proposal.number)

    def may_be_stopped(self, trial_id: str) -> bool:
        """Whether a trial is one of the search's own, not a repeat of a finalist."""
        return self._jobs[trial_id].kind == "search"

    def metrics_at(self, trial_id: str, result: Mapping[str, Any]) -> dict[str, float]:
        """All metrics of a trial at a point of its curve; none where the result is no such."""
        if "val_accuracy" not in result:
            return {}
        return self._search.metrics_at(self._jobs[trial_id], result["val_accuracy"])

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Note a point of a curve; what a pause or the end gives comes as the trial's result."""
        if "epoch" in result:
            self._search.heard(result["epoch"])
        self._on_change()

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Record a trial's result, what there is of it if it was stopped, or why it failed."""
        job = self._jobs.pop(trial_id)
        if result is not None and result.get("began_anew") and job.proposal is not None:
            log.warning(
                "the state of trial %d cannot be taken up: %s; it is trained again from its first "
                "epoch",
                job.proposal.number,
                result["began_anew"],
            )
        try:
            self._record(job, trial_id, result, error=error)
        except Exception as failure:  # noqa: BLE001 (raised again by the caller, outside Tune)
            self.error = failure
        if self.mailbox is not None and job.proposal is not None:
            self.mailbox.discard(job.proposal.number)

    def _record(
        self, job: Job, trial_id: str, result: dict[str, Any] | None, *, error: bool
    ) -> None:
        if error or result is None:
            cause = self.causes_of_death.get(
                trial_id, "killed, out of memory, or its node was lost"
            )
            self._search.failed_with(job, f"the worker died: {cause}")
        elif "error" in result:
            self._search.failed_with(job, result["error"])
        elif "outcome" in result:
            self._search.completed(job, EvaluationResult(*result["outcome"]))
        else:
            found = EvaluationResult({}, *(result[key] for key in KEPT_BEFORE_THE_END))
            if trial_id in self.stopped:
                self.stopped.discard(trial_id)
                self._search.stopped(job, found, epoch=result["epoch"])
                return
            state = self._received_state(job)
            self._search.paused(job, found, epoch=result["epoch"], state=state)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing, where Tune pickles its experiment: the ledger is the state."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the ledger is the state."""
