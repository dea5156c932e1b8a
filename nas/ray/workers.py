"""The workers of a running search: each one's job, actor, node, and time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from nas.ray.recovery.deaths import actor_id_of, kill, node_of
from nas.search.job import Job


@dataclass
class RunningWorker:
    """A job and, when it has one, the worker that runs it."""

    job: Job
    avoided_nodes: tuple[str, ...] = ()  # by Ray's placement of it
    nodes: tuple[str, ...] = ()  # that it may run on, by Ray's placement of it; none for any
    actor: Any = None  # Ray's handle; None until Tune has started the worker
    actor_id: str = ""
    node: str = ""
    since: float = 0.0  # ``time.monotonic()`` when the worker began the job
    cause: str = ""  # why this driver ended the worker; empty if it did not

    def begin(self, actor: Any) -> None:
        """Record that a worker begins the job."""
        self.actor = actor
        self.actor_id = actor_id_of(actor)
        self.node = node_of(self.actor_id)
        self.since = time.monotonic()

    @property
    def seconds(self) -> float:
        """The seconds that the worker has spent on the job."""
        return time.monotonic() - self.since if self.actor is not None else 0.0

    def end(self, cause: str = "") -> None:
        """End the worker's process, if there is one.

        Args:
            cause: why, for the ledger.
        """
        self.cause = cause
        if self.actor is not None:
            kill(self.actor)
