"""Where the time of a search's workers went, from the rows and sessions of its ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nas.evaluation.time_parts import WAITS, sum_of
from nas.storage.evaluation import Evaluation
from nas.storage.sessions import Session


@dataclass(frozen=True)
class DeviceTime:
    """The time of a search's workers.

    Attributes:
        seconds: by part, see :data:`nas.evaluation.time_parts.TimePart`.
        running_seconds: of the trials that run now, which is in no part yet.
        wall_seconds: of all drivers of the search, one after another.
        worker_seconds: wall time x workers; None if an earlier version, which did not measure it,
            trained some of the trials.
        workers: of the last driver.
    """

    seconds: Mapping[str, float]
    running_seconds: float
    wall_seconds: float
    worker_seconds: float | None
    workers: int

    @property
    def all_seconds(self) -> float:
        """The sum of all parts, and of the trials that run now."""
        return sum(self.seconds.values()) + self.running_seconds

    @property
    def busy_seconds(self) -> float:
        """The time for which workers did not wait, that of the trials that run now included."""
        busy = (each for part, each in self.seconds.items() if part not in WAITS)
        return sum(busy) + self.running_seconds

    @property
    def training_share(self) -> float | None:
        """The share of wall time x workers in which workers trained; None if that is not known."""
        if not self.worker_seconds:
            return None
        return self.seconds.get("training", 0.0) / self.worker_seconds

    @property
    def accounted_share(self) -> float | None:
        """The sum of all parts as a share of wall time x workers; None if that is not known."""
        return self.all_seconds / self.worker_seconds if self.worker_seconds else None


def device_time(
    rows: Sequence[Evaluation], sessions: Sequence[Session], *, is_driven: bool
) -> DeviceTime:
    """Add up the time of a search's workers.

    Args:
        rows: the search's trials and repeats.
        sessions: of its drivers.
        is_driven: whether the last driver lives: what it runs is not lost.
    """
    parts = []
    is_whole = bool(sessions)
    for row in rows:
        if row.seconds:
            own = dict(row.seconds)
            if sessions:
                own.pop("latency", None)  # the sessions have it, and failed measurements too
            parts.append(own)
        elif row.device_seconds:
            parts.append({"training": row.device_seconds})
            is_whole = False
        parts.append({"lost": sum(worker.seconds for worker in row.lost_workers)})
    running_seconds = 0.0
    for number, session in enumerate(sessions, start=1):
        parts.append(session.seconds)
        if number == len(sessions) and is_driven and not session.ended:
            running_seconds = session.running_seconds
        elif not session.ended:
            parts.append({"lost": session.running_seconds})
    return DeviceTime(
        sum_of(parts),
        running_seconds,
        sum(session.wall_seconds for session in sessions),
        sum(session.worker_seconds for session in sessions) if is_whole else None,
        sessions[-1].workers if sessions else 0,
    )
