"""The watch over a search's workers while Tune runs: their nodes, hung ones, a lost cluster."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ray import tune

from nas.quantities import duration
from nas.ray.searcher import SearchJobs

LOOK_EVERY_SECONDS = 1.0


class WorkerWatch(tune.Callback):
    """Note each job's worker when it begins, and end those that take too long.

    Args:
        searcher: hands out the jobs.
        check: raises if the cluster is lost.
    """

    def __init__(self, searcher: SearchJobs, check: Callable[[], None]) -> None:
        self._searcher = searcher
        self._check = check
        self._next_look = 0.0

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note the worker that begins a job."""
        running = self._searcher.running.get(trial.trial_id)
        if running is not None:
            running.begin(trial.temporary_state.ray_actor)

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
        for worker in self._searcher.running.values():
            limit = self._searcher.seconds_allowed(worker.job)
            if limit is not None and worker.seconds > limit and not worker.cause:
                worker.end(
                    f"it hung: not done after {duration(worker.seconds)}, the limit is "
                    f"{duration(limit)} (search.timeout_minutes, search.timeout_factor)"
                )

    def __getstate__(self) -> dict[str, Any]:
        """Return no state when Tune pickles its experiment: the ledger is the state."""
        return {}
