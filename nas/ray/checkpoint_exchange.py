"""The exchange of paused trainings' states between workers and the driver.

Tune's results and configurations cannot carry them, since Tune keeps these as long as it runs.
Files alone cannot, since the nodes may share none and the driver alone writes the run's folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from nas.atomic_write import replace_file


class CheckpointExchange(Protocol):
    """An exchange that holds one state for each trial."""

    def put(self, number: int, content: bytes) -> None:
        """Put a trial's state, in place of an earlier one."""

    def get(self, number: int) -> bytes | None:
        """Return a trial's state, which stays; None if there is none."""

    def discard(self, number: int) -> None:
        """Remove a trial's state, if there is one."""


class FileExchange:
    """An exchange in the files of a folder, which several processes of one machine may use.

    Args:
        folder: exists.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, number: int, content: bytes) -> None:
        """See :class:`CheckpointExchange`.

        Raises:
            OSError: the disk is full or not writable.
        """
        replace_file(self._file(number), content)

    def get(self, number: int) -> bytes | None:
        """See :class:`CheckpointExchange`."""
        file = self._file(number)
        return file.read_bytes() if file.is_file() else None

    def discard(self, number: int) -> None:
        """See :class:`CheckpointExchange`."""
        self._file(number).unlink(missing_ok=True)

    def _file(self, number: int) -> Path:
        return self._folder / f"trial-{number}.pt"


class ClusterExchange:
    """An exchange for every process of a Ray cluster, to which this object can be sent.

    The states are files on the driver's machine. The driver uses them itself; workers reach them
    through an actor on its node, which reserves no processor, and which Ray starts again if it
    dies: nothing is lost with it.

    Args:
        folder: of the files; exists, and is the driver's alone.
    """

    def __init__(self, folder: Path) -> None:
        self._files: FileExchange | None = FileExchange(folder)
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        actor = ray.remote(FileExchange).options(
            num_cpus=0, scheduling_strategy=here, max_restarts=-1, max_task_retries=-1
        )
        self._actor: Any = actor.remote(folder)

    def close(self) -> None:
        """End the actor; it would live on, since Tune keeps a reference to it."""
        ray.kill(self._actor)

    def put(self, number: int, content: bytes) -> None:
        """See :class:`CheckpointExchange`."""
        if self._files is not None:
            self._files.put(number, content)
        else:
            ray.get(self._actor.put.remote(number, content))

    def get(self, number: int) -> bytes | None:
        """See :class:`CheckpointExchange`."""
        if self._files is not None:
            return self._files.get(number)
        content: bytes | None = ray.get(self._actor.get.remote(number))
        return content

    def discard(self, number: int) -> None:
        """See :class:`CheckpointExchange`."""
        if self._files is not None:
            self._files.discard(number)
        else:
            ray.get(self._actor.discard.remote(number))

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the files: another process uses the actor."""
        return {"_files": None, "_actor": self._actor}
