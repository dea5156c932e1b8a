"""The time that a search has spent, by all drivers of its run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from nas.errors import RunError
from nas.search.running_jobs import RunningJobs
from nas.storage.device_time import device_time
from nas.storage.evaluation import Evaluation
from nas.storage.sessions import sessions_in


class SpentTime:
    """Know how long a search has taken, and how long its trials' workers were busy.

    Args:
        running: the jobs of this driver.
        attributes: of the search's study, which have the sessions of earlier drivers.
        rows: the evaluations of earlier drivers.
        clock: returns seconds.

    Raises:
        RunError: a session is damaged.
    """

    def __init__(
        self,
        running: RunningJobs,
        attributes: Mapping[str, Any],
        rows: Sequence[Evaluation],
        clock: Callable[[], float],
    ) -> None:
        try:
            sessions = sessions_in(attributes)
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(map(str, problem["loc"]))
            raise RunError(
                f"a session in the ledger is damaged: {place}: {problem['msg']}, got "
                f"{problem['input']!r}"
            ) from error
        before = device_time(rows, sessions, is_driven=False)
        self._wall_before, self._device_before = before.wall_seconds, before.busy_seconds
        self._running = running
        self._clock = clock
        self._began = clock()

    @property
    def wall_seconds(self) -> float:
        """The time in which a driver searched."""
        return self._wall_before + self._clock() - self._began

    @property
    def device_seconds(self) -> float:
        """The time for which workers were busy, whatever became of the trials, up to now."""
        return self._device_before + self._running.busy_seconds
