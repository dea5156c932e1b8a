"""The time that a search has spent, by all drivers of its run: kept in the ledger as it passes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nas.errors import RunError
from nas.search.running_jobs import RunningJobs
from nas.search.trials import Trials
from nas.storage.evaluation import Evaluation

SPENT = "spent"
"""The attribute of the search's study: ``wall_seconds``, ``device_seconds``, and the growth that
was last expected, ``expected_growth_an_hour``."""

WRITTEN_EVERY_SECONDS = 10.0
"""A driver that is killed forgets so much at most."""


class SpentTime:
    """Know how long a search has taken, and how long its trials' workers were busy.

    Args:
        trials: the search's; the time is written beside them.
        running: the jobs of this driver.
        rows: the evaluations of earlier drivers, for runs of which no time was kept.
        clock: returns seconds.

    Raises:
        RunError: what an earlier driver wrote is damaged.
    """

    def __init__(
        self,
        trials: Trials,
        running: RunningJobs,
        rows: Sequence[Evaluation],
        clock: Callable[[], float],
    ) -> None:
        self._trials = trials
        self._running = running
        self._clock = clock
        attributes = trials.transact(lambda: trials.study.user_attrs)
        before = spent_of(attributes, rows)
        self._wall_before, self._device_before = before["wall_seconds"], before["device_seconds"]
        self._began = self._written = clock()

    @property
    def wall_seconds(self) -> float:
        """The time in which a driver searched."""
        return self._wall_before + self._clock() - self._began

    @property
    def device_seconds(self) -> float:
        """The time of all trials' workers, whatever became of the trials, up to now.

        It is the time from a job's beginning to its end as the driver sees it.
        """
        return self._device_before + self._running.busy_seconds

    def is_due(self) -> bool:
        """Return whether the time is to be written again."""
        return self._clock() - self._written >= WRITTEN_EVERY_SECONDS

    def write(self, growth_an_hour: float | None) -> None:
        """Write the time spent and the growth that is expected of the next hour.

        Raises:
            RunError: see :meth:`nas.search.records.Records.transact`.
        """
        content = {
            "wall_seconds": self.wall_seconds,
            "device_seconds": self.device_seconds,
            "expected_growth_an_hour": growth_an_hour,
        }
        self._trials.transact(lambda: self._trials.study.set_user_attr(SPENT, content))
        self._written = self._clock()


def spent_of(attributes: Mapping[str, Any], rows: Sequence[Evaluation]) -> dict[str, float]:
    """Return the seconds in a study's attributes; where they were not kept, those of its rows.

    Args:
        attributes: of the search's study.
        rows: its evaluations, repeats included.

    Raises:
        RunError: a time is no number, or less than 0.
    """
    if SPENT not in attributes:
        lost = sum(worker.seconds for row in rows for worker in row.lost_workers)
        trained = sum(row.device_seconds for row in rows)
        return {"wall_seconds": 0.0, "device_seconds": trained + lost}
    spent = attributes[SPENT]
    seconds = {}
    for key in ("wall_seconds", "device_seconds"):
        value = spent.get(key) if isinstance(spent, dict) else None
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not 0 <= value < math.inf
        ):
            raise RunError(
                f"the ledger's attribute {SPENT!r} is damaged: {key} must be a number from 0, got "
                f"{value!r}"
            )
        seconds[key] = float(value)
    return seconds
