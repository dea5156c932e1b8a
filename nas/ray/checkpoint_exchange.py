"""The exchange of paused trainings' states between workers and the driver.

Tune's results and configurations cannot carry them, since Tune keeps these as long as it runs.
Files cannot, since the nodes may share none and the driver alone writes the run's folder.
"""

from __future__ import annotations

from typing import Any, Protocol

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy


class CheckpointExchange(Protocol):
    """An exchange that holds one state for each trial."""

    def put(self, number: int, content: bytes) -> None:
        """Put a trial's state, in place of an earlier one."""

    def get(self, number: int) -> bytes | None:
        """Return a trial's state, which stays; None if there is none."""

    def discard(self, number: int) -> None:
        """Remove a trial's state, if there is one."""


class LocalExchange:
    """An exchange in the memory of a process."""

    def __init__(self) -> None:
        self._contents: dict[int, bytes] = {}

    def put(self, number: int, content: bytes) -> None:
        """See :class:`CheckpointExchange`."""
        self._contents[number] = content

    def get(self, number: int) -> bytes | None:
        """See :class:`CheckpointExchange`."""
        return self._contents.get(number)

    def discard(self, number: int) -> None:
        """See :class:`CheckpointExchange`."""
        self._contents.pop(number, None)


class ClusterExchange:
    """An exchange for every process of a Ray cluster, to which this object can be sent.

    It is an actor on the driver's node that reserves no processor.
    """

    def __init__(self) -> None:
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        actor = ray.remote(LocalExchange).options(num_cpus=0, scheduling_strategy=here)
        self._actor: Any = actor.remote()

    def close(self) -> None:
        """End the actor; it would live on, since Tune keeps a reference to it."""
        ray.kill(self._actor)

    def put(self, number: int, content: bytes) -> None:
        """See :class:`CheckpointExchange`."""
        ray.get(self._actor.put.remote(number, content))

    def get(self, number: int) -> bytes | None:
        """See :class:`CheckpointExchange`."""
        content: bytes | None = ray.get(self._actor.get.remote(number))
        return content

    def discard(self, number: int) -> None:
        """See :class:`CheckpointExchange`."""
        ray.get(self._actor.discard.remote(number))
