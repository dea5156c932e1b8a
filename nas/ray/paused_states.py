"""States of paused trainings between workers, wherever they run, and the driver's disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from nas.paused_states import PausedStates


class StateKeeper:
    """An actor on the driver's node that reads and writes the run's folder for the workers.

    So nodes need no file system in common, and neither Tune's results nor the driver hold states.

    Args:
        folder: of the run's :class:`nas.paused_states.PausedStates`.
    """

    def __init__(self, folder: str) -> None:
        self._states = PausedStates(Path(folder))

    def save(self, number: int, content: bytes) -> str:
        """Keep a trial's state; why it could not be kept, or nothing."""
        try:
            self._states.save(number, content)
        except OSError as error:
            return f"cannot write {self._states.file_of(number)}: {error.strerror or error}"
        return ""

    def load(self, number: int) -> tuple[bytes, str]:
        """A trial's state, and the file that it is from.

        Raises:
            OSError: there is none, or it cannot be read.
        """
        return self._states.load(number), str(self._states.file_of(number))


def keep_states(states: PausedStates) -> Any:
    """The handle of a :class:`StateKeeper`, which lives as long as handles of it do."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    keeper = ray.remote(StateKeeper).options(
        num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here
    )
    return keeper.remote(str(states.folder))
