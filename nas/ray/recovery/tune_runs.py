"""Recovery: what a search does when Ray Tune ends for an error of Ray, or the cluster is lost.

The jobs that ran begin again; what the machine lacks is waited for. Losses in a row are bounded, so
that a cluster on which nothing can run ends the search with one error.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ray.exceptions import RayError

from nas.errors import ClusterError
from nas.ray.cluster.connection import Cluster, ClusterLost
from nas.ray.recovery.breaks import Breaks
from nas.ray.recovery.concurrency import Concurrency
from nas.ray.recovery.deaths import cause_of, ended_for_memory, memory_error
from nas.ray.recovery.memory import ended_without_fault, short_node, wait_for_memory
from nas.ray.searcher import SearchJobs
from nas.search.loop import Search

log = logging.getLogger(__name__)

PAUSE_SECONDS = 2.0
"""The pause after Tune ended for an error."""


class Recovery:
    """Keep a search going: give back jobs, wait, and run fewer at a time after memory ran short.

    Args:
        search: the search.
        cluster: the connection to Ray.
        concurrency: jobs at the same time.
    """

    def __init__(self, search: Search, cluster: Cluster, concurrency: int) -> None:
        self._search = search
        self._cluster = cluster
        self._usual = concurrency
        self._concurrency = Concurrency()
        self._breaks = Breaks(
            "the search",
            "continue with --resume",
            search.waiting,
            search.problem.search.patience_seconds,
        )
        self._searcher: SearchJobs | None = None

    def most_running(self) -> int:
        """Return how many jobs may run at the same time at present."""
        return self._concurrency.most(self._usual)

    def note_end(self) -> None:
        """Record that a job has ended, in whatever way, but for a lost worker."""
        self._breaks.end()
        self._concurrency.end()

    @contextmanager
    def watching(self, searcher: SearchJobs) -> Iterator[None]:
        """Run Tune once in the block; when it ends for an error of Ray, prepare the next run.

        Raises:
            ClusterError: Tune broke too often in a row, or memory stays short.
            ClusterLost: the cluster is lost; all jobs that ran are given back.
        """
        self._searcher = searcher
        try:
            try:
                yield
            except Exception as error:
                if searcher.error is not None:  # of the search itself
                    raise searcher.error from error
                self._after(error)
        except ClusterLost as lost:
            self._give_back(str(lost))
            if searcher.error is not None:
                raise searcher.error from lost
            raise
        finally:
            self._searcher = None

    def reconnect(self, reason: str) -> None:
        """Connect anew to a cluster that was lost.

        Raises:
            ClusterError: it does not answer within ``search.patience_minutes``.
        """
        self._breaks.note(reason)
        log.warning("%s; the trainings that ran begin again", reason)
        settings = self._search.problem.search
        try:
            self._cluster.reconnect(reason, self._search.waiting, settings.patience_seconds)
        except ClusterError as error:
            raise ClusterError(f"{error}; continue with --resume") from error

    def _after(self, error: Exception) -> None:
        """Recover from an error that ended Tune's run."""
        assert self._searcher is not None
        self._cluster.check()
        if (memory := memory_error(error)) is not None:
            self._after_memory(str(memory), ended_for_memory(memory, self._actors))
            return
        if not isinstance(error, RayError | RuntimeError | OSError):
            raise error  # a mistake in this program
        reason = f"Ray Tune ended: {cause_of(error)}"
        log.warning("%s; the trainings that ran begin again", reason)
        time.sleep(PAUSE_SECONDS)  # Ray tells what it lost sooner than the watch of the head
        self._cluster.check()
        workers = len(self._searcher.running)
        self._give_back(reason)
        self._breaks.note(reason)
        settings = self._search.problem.search
        if wait_for_memory(
            "", workers, self._search.waiting, settings.patience_seconds, self._cluster.check
        ):
            self._concurrency.halve(workers)

    def _after_memory(self, message: str, ended: set[str]) -> None:
        """Recover from a lack of memory, for which Ray ended the workers of ``ended``."""
        assert self._searcher is not None
        node = short_node(message)
        workers = list(self._searcher.running.items())
        causes = {
            trial_id: f"Ray ended it since node {node[:12]} ran out of memory"
            for trial_id, worker in workers
            if worker.actor_id in ended
        }
        for _, worker in workers:
            worker.end()
        settings = self._search.problem.search
        waits = (self._search.waiting, settings.patience_seconds, self._cluster.check)
        is_to_blame = False
        if len(workers) == len(causes) == 1:
            is_to_blame = not ended_without_fault(node, *waits)
        else:
            wait_for_memory(node, len(workers), *waits)
        for trial_id, _ in workers:
            self._searcher.lose(
                trial_id,
                causes.get(trial_id, "Ray Tune ended when memory ran out for another training"),
                counts=is_to_blame,
            )
        limit = self._concurrency.halve(len(workers))
        trainings = "1 training runs" if limit == 1 else f"{limit} trainings run"
        log.warning("memory ran out on node %s; %s at a time now", node[:12], trainings)
        if not is_to_blame:
            self._breaks.note("memory ran out")

    @property
    def _actors(self) -> set[str]:
        assert self._searcher is not None
        return {worker.actor_id for worker in self._searcher.running.values()}

    def _give_back(self, reason: str) -> None:
        """Take back all running jobs, which begin again; none of them is to blame."""
        assert self._searcher is not None
        for trial_id, worker in list(self._searcher.running.items()):
            if not self._cluster.is_lost:
                worker.end()
            self._searcher.lose(trial_id, reason, counts=False)
