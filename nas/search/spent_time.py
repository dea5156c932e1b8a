"""The time that a search has spent, by all drivers of its run: kept in the ledger as it passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nas.errors import RunError
from nas.search.running_jobs import RunningJobs
from nas.search.trials import Trials
from nas.storage.evaluation import Evaluation

SPENT = "spent"
"""The attribute of the search's study that holds a :class:`Spent`."""

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
        self._before = spent_of(attributes, rows)
        self._began = self._written = clock()

    @property
    def wall_seconds(self) -> float:
        """The time in which a driver searched."""
        return self._before.wall_seconds + self._clock() - self._began

    @property
    def device_seconds(self) -> float:
        """The time of all trials' workers, whatever became of the trials, up to now.

        It is the time from a job's beginning to its end as the driver sees it.
        """
        return self._before.device_seconds + self._running.busy_seconds

    def is_due(self) -> bool:
        """Return whether the time is to be written again."""
        return self._clock() - self._written >= WRITTEN_EVERY_SECONDS

    def write(self, growth_an_hour: float | None) -> None:
        """Write the time spent and the growth that is expected of the next hour.

        Raises:
            RunError: see :meth:`nas.search.records.Records.transact`.
        """
        spent = Spent(
            wall_seconds=self.wall_seconds,
            device_seconds=self.device_seconds,
            expected_growth_an_hour=growth_an_hour,
        )
        content = spent.model_dump()
        self._trials.transact(lambda: self._trials.study.set_user_attr(SPENT, content))
        self._written = self._clock()


class Spent(BaseModel):
    """The time that a search has spent, as its study's attribute has it."""

    model_config = ConfigDict(strict=True)

    wall_seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    device_seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    expected_growth_an_hour: float | None = None


def spent_of(attributes: Mapping[str, Any], rows: Sequence[Evaluation]) -> Spent:
    """Return what a study's attributes say; without it, the device seconds of its rows alone.

    Args:
        attributes: of the search's study.
        rows: its evaluations, repeats included.

    Raises:
        RunError: a time is no number, or less than 0.
    """
    if SPENT not in attributes:
        lost = sum(worker.seconds for row in rows for worker in row.lost_workers)
        return Spent(device_seconds=lost + sum(row.device_seconds for row in rows))
    try:
        return Spent.model_validate(attributes[SPENT])
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, (SPENT, *problem["loc"])))
        raise RunError(
            f"the ledger's attribute {place} is damaged: {problem['msg']}, got {problem['input']!r}"
        ) from error
