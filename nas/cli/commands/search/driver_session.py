"""The driver of a search as its ledger shows it: its workers, pace, and time left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nas.storage.run.state import INTERRUPTED
from nas.storage.sessions import SILENT_SECONDS, Session

"""The state of a run that has not ended, and that no process on this machine drives; of a run that
is read from its storage alone, no process that was heard a short time ago."""


def driver_json(session: Session) -> dict[str, Any]:
    """Return a session that has not ended as plain data, by the present time."""
    now = datetime.now(UTC)
    return {
        "workers": session.workers,
        "training": session.running,
        "trainings_per_hour": session.trainings_per_hour,
        "remaining_seconds": session.remaining_seconds_at(now),
        "heard_seconds_ago": max(0.0, (now - session.updated).total_seconds()),
        "waiting": session.waiting,
    }


def is_silent(driver: Mapping[str, Any]) -> bool:
    """Return whether a driver, as :func:`driver_json` has it, has not been heard for long."""
    return bool(driver["heard_seconds_ago"] > SILENT_SECONDS)


def or_elsewhere(status: Mapping[str, Any]) -> str:
    """Return what is added to a run's state if a driver that is not seen here may live.

    Args:
        status: has the run's ``state`` and its ``driver``.
    """
    driver = status["driver"]
    if status["state"] != INTERRUPTED or driver is None or is_silent(driver):
        return ""
    return ", or driven on another machine"  # whose lock cannot be seen here
