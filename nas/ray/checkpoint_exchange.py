"""States of paused trainings on their way between workers and the driver.

Neither through Tune's results and configurations, which it keeps for as long as it runs, nor
through files, since nodes need none in common and the driver alone writes the run's folder.
"""

from __future__ import annotations

from typing import Any, Protocol

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy


class CheckpointExchange(Protocol):
    """One state a trial."""

    def put(self, number: int, content: bytes) -> None:
        """Lay a trial's state there, in place of an earlier one."""

    def get(self, number: int) -> bytes | None:
        """A trial's state; it stays. None if there is none."""

    def discard(self, number: int) -> None:
        """Let go of a trial's state, if there is one."""


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
    """An exchange that every process of a Ray cluster reaches: this object can be sent to them.

    It is an actor on the driver's node that takes no processor.
    """

    def __init__(self) -> None:
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        actor = ray.remote(LocalExchange).options(num_cpus=0, scheduling_strategy=here)
        self._actor: Any = actor.remote()

    def close(self) -> None:
        """End the actor: Tune keeps what it was given, so that it would stay."""
        ray.kill(self._actor)

    def put(self, number: int, content: bytes) -> None:
        """See :class:`CheckpointExchange`."""
        ray.get(self._actor.put.remote(number, content))

    def get(self, number: int) -> bytes | None:
        """See :class:`CheckpointExchange`."""
        found: bytes | None = ray.get(self._actor.get.remote(number))
        return found

    def discard(self, number: int) -> None:
        """See :class:`CheckpointExchange`."""
        ray.get(self._actor.discard.remote(number))
