"""The watch over a search's workers while Tune runs: their nodes, hung ones, a lost cluster."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ray import tune

from nas.quantities import duration
from nas.ray.cluster.nodes import living_nodes
from nas.ray.searcher import SearchJobs

LOOK_EVERY_SECONDS = 1.0


class NodesChangedError(RuntimeError):
    """A request that Tune has made cannot be met by the nodes that are left."""


class WorkerWatch(tune.Callback):
    """Note each job's worker when it begins, and end those that take too long.

    Args:
        searcher: hands out the jobs.
        check: raises if the cluster is lost.
        pending: returns how many jobs that have no worker wait for CPUs or GPUs.
        shortage: returns what so many of them wait for.
    """

    def __init__(
        self,
        searcher: SearchJobs,
        check: Callable[[], None],
        pending: Callable[[], int],
        shortage: Callable[[int], str],
    ) -> None:
        self._searcher = searcher
        self._check = check
        self._pending = pending
        self._shortage = shortage
        self._next_look = 0.0

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note the worker that begins a job."""
        if trial.trial_id in self._searcher.running:
            self._searcher.began(trial.trial_id, trial.temporary_state.ray_actor)

    def _note_reused(self, trials: list[Any]) -> None:
        """Note the workers that prepare another job, which may hang too before it begins."""
        for trial in trials:
            running = self._searcher.running.get(trial.trial_id)
            actor = trial.temporary_state.ray_actor
            if running is not None and running.actor is None and actor is not None:
                self._searcher.began(trial.trial_id, actor)

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Look after the cluster and the workers, now and then.

        Raises:
            ClusterLost: the cluster is lost.
        """
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_EVERY_SECONDS
        self._check()
        self._note_reused(trials)
        self._wait_for_a_node()
        pending = self._pending() if self._searcher.note_queue() else 0
        self._searcher.note_time(pending, self._shortage(pending) if pending else "")
        self._searcher.changed()  # time passes, also while nothing else happens
        for worker in self._searcher.running.values():
            limit = self._searcher.seconds_allowed(worker.job)
            if limit is not None and worker.seconds > limit and not worker.cause:
                worker.end(
                    f"it hung: not done after {duration(worker.seconds)}, the limit is "
                    f"{duration(limit)} (search.timeout_minutes, search.timeout_factor)"
                )

    def _wait_for_a_node(self) -> None:
        """Wait while no living node holds a job that has no worker yet.

        Raises:
            NodesChangedError: a job avoids the only nodes that are left; it must be begun anew.
        """
        waiting = [worker for worker in self._searcher.running.values() if worker.actor is None]
        if not waiting:
            return
        nodes = self._searcher.nodes()
        if any(0 < nodes <= len(worker.avoided_nodes) for worker in waiting):
            raise NodesChangedError("no node is left but those that a trial avoids")
        living = living_nodes()
        if any(worker.nodes and living.isdisjoint(worker.nodes) for worker in waiting):
            raise NodesChangedError("none of the nodes is left that a trial may run on")
        if not nodes:
            self._searcher.wait_for_a_node()

    def __getstate__(self) -> dict[str, Any]:
        """Return no state when Tune pickles its experiment: the ledger is the state."""
        return {}
