"""Losses of workers by Ray tasks: how often a task begins again, and what it waits for before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable

from ray.exceptions import RayError, RayTaskError

from nas.evaluation.lost_workers import MOST_LOST_WORKERS
from nas.ray.cluster.deaths import cause_of, is_fault_of_machine, memory_error
from nas.ray.cluster.memory import short_node, wait_for_memory
from nas.ray.cluster.waits import look_after_loss
from nas.search.waiting import Waiting


class Losses:
    """Count the workers that each task has lost.

    Args:
        patience_seconds: the longest wait for memory.
        check: raises if the cluster is lost.
    """

    def __init__(self, patience_seconds: float, check: Callable[[], None]) -> None:
        self._patience_seconds = patience_seconds
        self._check = check
        self._waiting = Waiting()
        self._lost: Counter[Hashable] = Counter()

    def may_begin_again(self, task: Hashable, error: RayError) -> bool:
        """Return whether a task that has just lost a worker begins again.

        If its node ran out of memory, wait until it has room for a worker.

        Raises:
            ClusterError: it has none when the patience ends.
            ClusterLost: the worker was lost with the cluster.
        """
        if isinstance(error, RayTaskError) and not is_fault_of_machine(error):
            return False  # it would raise again
        look_after_loss(self._check)
        self._lost[task] += 1
        if self._lost[task] >= MOST_LOST_WORKERS:
            return False
        if (memory := memory_error(error)) is not None:
            wait_for_memory(
                short_node(str(memory)), 1, self._waiting, self._patience_seconds, self._check
            )
        return True

    def note_progress(self, task: Hashable) -> None:
        """Record that a task came further: what it lost before no longer counts."""
        self._lost.pop(task, None)

    def account(self, task: Hashable, error: RayError) -> str:
        """Return why a task failed, in one line."""
        if self._lost[task] < MOST_LOST_WORKERS:
            return cause_of(error)
        return f"{self._lost[task]} workers were lost on it; the last one: {cause_of(error)}"
