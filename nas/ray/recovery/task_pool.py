"""A pool of tasks on Ray, which begin again when their workers are lost."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from ray.exceptions import RayError

from nas.config.sections import ResourceSettings
from nas.config.trial_slots import trial_slots
from nas.ray.cluster.nodes import machines
from nas.ray.cluster.waits import first_ready
from nas.ray.recovery.concurrency import Concurrency
from nas.ray.recovery.deaths import memory_error
from nas.ray.recovery.losses import Losses
from nas.search.waiting import Waiting

log = logging.getLogger(__name__)


Task = TypeVar("Task")


class TaskPool(Generic[Task]):
    """Run tasks, as many at a time as the cluster's nodes hold; fewer after memory ran short.

    Args:
        tasks: what to run.
        begin: begins a task on Ray; returns its reference, or its generator of references.
        resources: CPUs and GPUs of one task, or of each of its workers.
        slots_each: workers of a task.
        waiting: shows what is waited for.
        patience_seconds: the longest wait.
        check: raises if the cluster is lost.
    """

    def __init__(
        self,
        tasks: Iterable[Task],
        begin: Callable[[Task], Any],
        resources: ResourceSettings,
        *,
        slots_each: int = 1,
        waiting: Waiting,
        patience_seconds: float,
        check: Callable[[], None],
    ) -> None:
        self._begin = begin
        self._resources = resources
        self._slots_each = slots_each
        self._check = check
        self._losses = Losses(waiting, patience_seconds, check)
        self._concurrency = Concurrency()
        self._queue = deque(enumerate(tasks))
        self._running: dict[Any, tuple[int, Task]] = {}  # keys: what Ray returned
        self._beside: dict[Any, int] = {}  # how many ran beside each, at most

    def first_ready(self) -> tuple[Any, Task] | None:
        """Begin what may begin, and wait until a task has something; None if none is left.

        Returns:
            what ``begin`` returned, and the task.
        """
        if self._queue:
            slots = trial_slots(machines(self._resources), self._resources) // self._slots_each
            slots = max(1, slots)  # Ray waits for a node
            while self._queue and len(self._running) < self._concurrency.most(slots):
                numbered = self._queue.popleft()
                self._running[self._begin(numbered[1])] = numbered
        if not self._running:
            return None
        for reference in self._running:
            others = len(self._running) - 1
            self._beside[reference] = max(self._beside.get(reference, 0), others)
        ready = first_ready(list(self._running), self._check)
        return ready, self._running[ready][1]

    def note_progress(self, reference: Any) -> None:
        """Record that a task came further: what it lost before no longer counts."""
        self._losses.note_progress(self._running[reference][0])

    def end(self, reference: Any) -> None:
        """Record that a task has ended, in whatever way, but for a lost worker."""
        self.note_progress(reference)
        self._concurrency.end()
        del self._running[reference], self._beside[reference]

    def lose(self, reference: Any, error: RayError) -> str:
        """Record that a task's worker was lost, with what Ray raised; the task begins again later.

        Returns:
            why it does not begin again, in one line; empty if it does.

        Raises:
            ClusterError, ClusterLost: see :meth:`Losses.may_begin_again`.
        """
        number, task = self._running.pop(reference)
        others = self._beside.pop(reference)
        if memory_error(error) is not None:
            limit = self._concurrency.halve(1 + others)
            log.warning(
                "memory ran out; %s at a time now",
                "1 task runs" if limit == 1 else f"{limit} tasks run",
            )
        if not self._losses.may_begin_again(number, error, others=others):
            return self._losses.account(number, error)
        self._queue.appendleft((number, task))
        return ""
