"""A pool of tasks on Ray, which begin again when their workers are lost."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from ray.exceptions import RayError

from nas.config.sections import ResourceSettings
from nas.config.trial_slots import trial_slots
from nas.ray.cluster.nodes import machines
from nas.ray.cluster.shortage import worker_shortage
from nas.ray.cluster.waits import CHECK_EVERY_SECONDS, first_ready
from nas.ray.recovery.concurrency import Concurrency
from nas.ray.recovery.deaths import memory_error
from nas.ray.recovery.losses import Losses
from nas.search.waiting import Waiting

log = logging.getLogger(__name__)

START_SECONDS = 3.0
"""A task that the cluster has room for says sooner, as a rule, that it began."""

Task = TypeVar("Task")


class TaskPool(Generic[Task]):
    """Run tasks, as many at a time as the cluster's nodes hold; fewer after memory ran short.

    Args:
        tasks: what to run.
        begin: begins a task on Ray; returns its reference, or its generator of references.
        resources: CPUs and GPUs of one task, or of each of its workers.
        slots_each: workers of a task.
        tells_begin: whether each task says that it began, see :meth:`note_begin`; then the pool
            shows what those wait for that did not.
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
        tells_begin: bool = False,
        waiting: Waiting,
        patience_seconds: float,
        check: Callable[[], None],
    ) -> None:
        self._begin = begin
        self._resources = resources
        self._slots_each = slots_each
        self._tells_begin = tells_begin
        self._waiting = waiting
        self._check = check
        self._losses = Losses(waiting, patience_seconds, check)
        self._concurrency = Concurrency()
        self._queue = deque(enumerate(tasks))
        self._running: dict[Any, tuple[int, Task]] = {}  # keys: what Ray returned
        self._beside: dict[Any, int] = {}  # how many ran beside each, at most
        self._not_begun: dict[Any, float] = {}  # since when, on the monotonic clock
        self._next_look = 0.0

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
                reference = self._begin(numbered[1])
                self._running[reference] = numbered
                if self._tells_begin:
                    self._not_begun[reference] = time.monotonic()
        self._look_for_shortage()
        if not self._running:
            return None
        for reference in self._running:
            others = len(self._running) - 1
            self._beside[reference] = max(self._beside.get(reference, 0), others)
        ready = first_ready(list(self._running), self._look)
        return ready, self._running[ready][1]

    def note_begin(self, reference: Any) -> None:
        """Record that a task has its CPUs and GPUs."""
        self._not_begun.pop(reference, None)

    def note_progress(self, reference: Any) -> None:
        """Record that a task came further: what it lost before no longer counts."""
        self._losses.note_progress(self._running[reference][0])

    def end(self, reference: Any) -> None:
        """Record that a task has ended, in whatever way, but for a lost worker."""
        self.note_begin(reference)
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
        self.note_begin(reference)
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

    def _look(self) -> None:
        self._check()
        self._look_for_shortage()

    def _look_for_shortage(self) -> None:
        """Show what the tasks wait for that the cluster has no room for, now and then."""
        if (now := time.monotonic()) < self._next_look:
            return
        self._next_look = now + CHECK_EVERY_SECONDS
        late = sum(now - since > START_SECONDS for since in self._not_begun.values())
        self._waiting.note_beside(
            worker_shortage(self._resources, late * self._slots_each) if late else ""
        )
