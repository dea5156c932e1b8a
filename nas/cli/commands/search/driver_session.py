"""The driver of a search as its ledger shows it: its workers, pace, and time left."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nas.storage.sessions import Session


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
