"""The sessions of a run: for each driver of its search, the time of the places of its workers.

A session is an attribute of the search's study, written now and then and at its end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

WRITE_EVERY_SECONDS = 10.0
"""A driver writes its session so often."""

SILENT_SECONDS = 3 * WRITE_EVERY_SECONDS
"""A driver that has written nothing for so long is said to be silent."""

PREFIX = "session "
"""The attributes' names are this and a number, from 0."""


class Session(BaseModel):
    """The time of one driver's workers' places, see :mod:`nas.search.time_account.places`.

    Attributes:
        began: when the places were opened, with its time zone.
        updated: when this was written.
        wall_seconds: between the two.
        workers: places, each of which holds a worker.
        seconds: by part, those that the driver measured.
        trainings: that ended, failed ones too.
        running: trials that workers train.
        running_seconds: of these until now; lost if the driver died.
        remaining_seconds: to the search's end, as the driver expects it; None if it does not know.
        expected_growth_an_hour: what the next hour is expected to add to the front; see
            :mod:`nas.search.endings.expected_growth`.
        waiting: what the driver waits for; empty if for nothing.
        ended: whether the places were closed.
    """

    model_config = ConfigDict(frozen=True)

    began: datetime
    updated: datetime
    wall_seconds: float = Field(ge=0, allow_inf_nan=False)
    workers: int = Field(ge=1)
    seconds: dict[str, float] = Field(default_factory=dict)
    trainings: int = Field(ge=0)
    running: int = Field(ge=0)
    running_seconds: float = Field(ge=0, allow_inf_nan=False)
    remaining_seconds: float | None = None
    expected_growth_an_hour: float | None = None
    waiting: str = ""
    ended: bool = False

    @property
    def worker_seconds(self) -> float:
        """Wall time x workers."""
        return self.wall_seconds * self.workers

    @property
    def trainings_per_hour(self) -> float | None:
        """The rate of this driver; None before its first training has ended."""
        if not self.trainings or not self.wall_seconds:
            return None
        return 3600 * self.trainings / self.wall_seconds

    def remaining_seconds_at(self, now: datetime) -> float | None:
        """Return the time that is left to the search's end, 0 at least; None if it is not known."""
        if self.remaining_seconds is None:
            return None
        return max(0.0, self.remaining_seconds - (now - self.updated).total_seconds())

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return self.model_dump(mode="json")


def attribute_name(number: int) -> str:
    """Return the name of a session's attribute."""
    return f"{PREFIX}{number}"


def sessions_in(attributes: Mapping[str, Any]) -> list[Session]:
    """Return the sessions among the attributes of a search's study, the first one first.

    Raises:
        ValueError: one is damaged (pydantic's error).
    """
    numbers = sorted(
        int(name.removeprefix(PREFIX)) for name in attributes if name.startswith(PREFIX)
    )
    return [
        Session.model_validate_json(json.dumps(attributes[attribute_name(number)]))
        for number in numbers
    ]
