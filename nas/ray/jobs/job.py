"""A job of a cluster: its identity, state and times, as Ray's Jobs API tells them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

ENDED = ("SUCCEEDED", "FAILED", "STOPPED")
"""The states of Ray that a job does not leave."""

PACKAGE, RUN, RUNS, COMMAND = "convattn", "run", "runs", "command"
"""The keys of a job's metadata by which this package knows its own jobs."""


class Job(NamedTuple):
    """A submitted job."""

    id: str  # Ray's submission id
    status: str  # Ray's word in lower case, such as "running"
    message: str  # Ray's explanation of the status
    run: str | None  # None for a job that another program submitted
    runs: str | None  # the folder of the run
    command: str | None  # of nas, such as "search"
    started: datetime | None
    ended: datetime | None

    @property
    def has_ended(self) -> bool:
        """Whether the job has succeeded, failed or been stopped."""
        return self.status.upper() in ENDED

    @property
    def has_succeeded(self) -> bool:
        """Whether the job's command ended without an error."""
        return self.status.upper() == "SUCCEEDED"

    def to_json(self) -> dict[str, Any]:
        """Return the same as plain data; times are in ISO 8601 with the zone of this machine."""
        times = {
            key: None if moment is None else moment.isoformat(timespec="seconds")
            for key, moment in (("started", self.started), ("ended", self.ended))
        }
        return self._asdict() | times


def job_of(details: Any) -> Job:
    """Return the job that Ray's ``JobDetails`` describe."""
    metadata = details.metadata or {}
    is_own = PACKAGE in metadata
    return Job(
        id=str(details.submission_id),
        status=str(details.status.value).lower(),
        message=" ".join((details.message or "").split()),
        run=metadata.get(RUN) if is_own else None,
        runs=metadata.get(RUNS) if is_own else None,
        command=metadata.get(COMMAND) if is_own else None,
        started=_moment(details.start_time),
        ended=_moment(details.end_time),
    )


def next_id(name: str, ids: Iterable[str]) -> str:
    """Return ``NAME-ATTEMPT``, the first after all attempts among the ids that were used."""
    pattern = re.compile(rf"{re.escape(name)}-(\d+)")
    attempts = [int(match[1]) for each in ids if (match := pattern.fullmatch(each))]
    return f"{name}-{max(attempts, default=0) + 1}"


def _moment(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000).astimezone() if milliseconds else None
