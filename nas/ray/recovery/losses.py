"""Losses of workers by Ray tasks: how often a task begins again, and what it waits for before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable

from ray.exceptions import OutOfMemoryError, RayError, RayTaskError

from nas.evaluation.lost_workers import MOST_LOST_WORKERS
from nas.ray.cluster.waits import look_after_loss
from nas.ray.recovery.breaks import Breaks
from nas.ray.recovery.deaths import cause_of, is_fault_of_machine, memory_error
from nas.ray.recovery.memory import ended_without_fault, short_node, wait_for_memory
from nas.search.waiting import Waiting


class Losses:
    """Count the workers that each task has lost.

    A worker that Ray ended for lack of memory counts only if its task alone can have used it: no
    other task ran, and without it there is room.

    Args:
        waiting: shows what is waited for.
        patience_seconds: the longest wait.
        check: raises if the cluster is lost.
    """

    def __init__(
        self, waiting: Waiting, patience_seconds: float, check: Callable[[], None]
    ) -> None:
        self._waiting = waiting
        self._patience_seconds = patience_seconds
        self._check = check
        self._lost: Counter[Hashable] = Counter()
        self._breaks = Breaks(
            "work on Ray", "run the same command again", waiting, patience_seconds
        )

    def may_begin_again(self, task: Hashable, error: RayError, *, others: int = 0) -> bool:
        """Return whether a task that has just lost a worker begins again.

        If its node ran out of memory, wait until it has room for a worker.

        Args:
            task: which one.
            error: what Ray raised for it.
            others: how many tasks ran beside it.

        Raises:
            ClusterError: there is no room when the patience ends, or too many workers in a row were
                lost for no fault of a task.
            ClusterLost: the worker was lost with the cluster.
        """
        if isinstance(error, RayTaskError) and not is_fault_of_machine(error):
            return False  # it would raise again
        look_after_loss(self._check)
        if (memory := memory_error(error)) is not None and self._waits_for(memory, others):
            self._breaks.note("memory ran out")
            return True
        self._lost[task] += 1
        return self._lost[task] < MOST_LOST_WORKERS

    def note_progress(self, task: Hashable) -> None:
        """Record that a task came further: what it lost before no longer counts."""
        self._lost.pop(task, None)
        self._breaks.end()

    def account(self, task: Hashable, error: RayError) -> str:
        """Return why a task failed, in one line."""
        if self._lost[task] < MOST_LOST_WORKERS:
            return cause_of(error)
        return f"{self._lost[task]} workers were lost on it; the last one: {cause_of(error)}"

    def _waits_for(self, memory: OutOfMemoryError, others: int) -> bool:
        """Wait while memory is short; return whether the task is not to blame for that."""
        node, settings = short_node(str(memory)), (self._patience_seconds, self._check)
        if not others:
            return ended_without_fault(node, self._waiting, *settings)
        wait_for_memory(node, 1, self._waiting, *settings)
        return True
