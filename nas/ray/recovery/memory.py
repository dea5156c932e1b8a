"""Memory of a cluster's nodes: wait while one is too short of it to start workers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import NamedTuple

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from nas.errors import ClusterError
from nas.ray.cluster.waits import result_of
from nas.search.waiting import Waiting

THRESHOLD = "RAY_memory_usage_threshold"
"""The variable that sets the share of a node's memory above which Ray ends workers."""

USUAL_THRESHOLD = 0.95

WORKER_BYTES = 500e6
"""Memory that a worker takes for libraries and data, before its network."""

ROOM = 0.25
"""The share of the threshold that is room for any worker; for several, no more is waited for."""

ROOM_SECONDS = 120.0
"""The longest wait for room for any worker, if there is enough for a usual one."""

ASK_EVERY_SECONDS = 1.0

_NODE = re.compile(r"Memory on the node \(IP: [^,]*, ID: (\w+)\)")


class NodeMemory(NamedTuple):
    """The memory of a node, as Ray's memory monitor counts it."""

    used_bytes: float
    limit_bytes: float  # above it, Ray ends workers

    def holds(self, workers: int) -> bool:
        """Return whether there is room for so many more workers."""
        reserved = min(workers * WORKER_BYTES, ROOM * self.limit_bytes)
        return self.used_bytes + reserved <= self.limit_bytes

    @property
    def has_room(self) -> bool:
        """Whether there is room for any worker, however much its network takes."""
        return self.used_bytes + ROOM * self.limit_bytes <= self.limit_bytes

    def __str__(self) -> str:
        return f"{self.used_bytes / 1e9:.1f} of {self.limit_bytes / 1e9:.1f} GB are used"


def short_node(message: str) -> str:
    """Return the id of the node that Ray's out-of-memory message names; empty if none."""
    named = _NODE.search(message)
    return named.group(1) if named else ""


def memory_of(node: str, check: Callable[[], None]) -> NodeMemory | None:
    """Return the memory of a node; None if the worker that asks is ended, for lack of memory.

    Args:
        node: its id; if it is empty or the node is gone, another one is asked.
        check: raises if the cluster is lost.
    """
    task = ray.remote(num_cpus=0, max_retries=0)(_memory)
    if node:
        task = task.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=True))
    try:
        used, limit = result_of(task.remote(), check)
    except RayError:
        return None
    return NodeMemory(used, limit)


def wait_for_memory(
    node: str, workers: int, waiting: Waiting, patience_seconds: float, check: Callable[[], None]
) -> bool:
    """Wait until a node has room for ``workers`` more workers.

    Returns:
        whether it was short of memory.

    Raises:
        ClusterError: it still is when the patience ends.
    """
    memory = memory_of(node, check)
    if memory is not None and memory.holds(workers):
        return False
    name = f"node {node[:12]}" if node else "the machine"
    reason = f"memory on {name} ({memory or 'it is short'})"
    with waiting.on(reason, patience_seconds, part="waiting_memory"):
        if not _becomes(lambda memory: memory.holds(workers), node, waiting, check):
            raise ClusterError(
                f"{name} was short of memory for {patience_seconds / 60:g} minutes "
                f"(search.patience_minutes): {memory_of(node, check) or 'workers are ended'}; end "
                "what uses it, then go on (a search with --resume)"
            )
    return True


def ended_without_fault(
    node: str, waiting: Waiting, patience_seconds: float, check: Callable[[], None]
) -> bool:
    """Return whether other programs took the memory for which Ray ended the only worker of a node.

    They did if there is no room now, without the worker, and there is some later. Where none comes
    in :data:`ROOM_SECONDS`, the node never has more, and the worker took too much of it.

    Raises:
        ClusterError: there is not even room for a usual worker when the patience ends.
    """
    memory = memory_of(node, check)
    if memory is not None and memory.has_room:
        return False
    seconds = min(ROOM_SECONDS, patience_seconds)
    reason = f"room on node {node[:12]} ({memory or 'it is short'})"
    with waiting.on(reason, seconds, setting="", part="waiting_memory"):
        if _becomes(lambda memory: memory.has_room, node, waiting, check):
            return True
    return wait_for_memory(node, 1, waiting, patience_seconds, check)


def _becomes(
    fits: Callable[[NodeMemory], bool], node: str, waiting: Waiting, check: Callable[[], None]
) -> bool:
    """Ask for a node's memory until it fits, or the wait is over; return whether it fits."""
    while not waiting.is_over:
        waiting.sleep(ASK_EVERY_SECONDS)
        memory = memory_of(node, check)
        if memory is not None and fits(memory):
            return True
    return False


def _memory() -> tuple[float, float]:
    """Return the used memory of this machine or container, and Ray's limit, in bytes."""
    # as Ray's monitor counts it: a container's limit, and no page cache
    from ray._common.utils import get_system_memory  # noqa: PLC0415
    from ray._private.utils import get_used_memory  # noqa: PLC0415

    threshold = float(os.environ.get(THRESHOLD, USUAL_THRESHOLD))
    return float(get_used_memory()), threshold * float(get_system_memory())
