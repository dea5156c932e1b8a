"""The file ``ledger_away.json`` of a run: its ledger is on a driver's disk, and here is a copy.

It is there from the moment in which a driver takes the ledger to its own disk until it has put the
whole ledger back: after a killed driver, it says where the last rows are.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from nas.errors import RunError
from nas.quantities import duration
from nas.storage.run.folder import RunFolder
from nas.storage.strict_json import read_json_object

RECORD = "ledger_away.json"


class LedgerAway(NamedTuple):
    """The place of a run's ledger outside of its folder, and the age of the copy there."""

    host: str  # the driver's machine
    file: Path  # on its disk
    copied: float | None  # seconds since the epoch; None before the first copy

    @property
    def age_seconds(self) -> float | None:
        """The age of the copy; None if there is none yet."""
        return None if self.copied is None else max(0.0, time.time() - self.copied)

    @property
    def copy(self) -> str:
        """The copy and its age, for messages."""
        age = self.age_seconds
        return "no copy of it yet" if age is None else f"a copy of it, {duration(age)} old"

    def __str__(self) -> str:
        return f"its ledger is {self.file} on {self.host}, and its folder has {self.copy}"


def ledger_away(run: RunFolder) -> LedgerAway | None:
    """Return where a run's ledger is; None if it is in its folder, or in a database of its own.

    Raises:
        RunError: the record is damaged.
    """
    file = run.path / RECORD
    if not file.is_file():
        return None
    record = read_json_object(file)
    host, place, copied = (record.get(key) for key in ("host", "file", "copied"))
    if not (
        isinstance(host, str)
        and isinstance(place, str)
        and Path(place).is_absolute()
        and (copied is None or isinstance(copied, int | float))
    ):
        raise RunError(f"{file} cannot be read: it must have host, file and copied, got {record!r}")
    return LedgerAway(host, Path(place), copied)


def note_away(run: RunFolder, away: LedgerAway) -> None:
    """Write the record.

    Raises:
        RunError: it cannot be written; an earlier one stays.
    """
    run.write_json(RECORD, {"host": away.host, "file": str(away.file), "copied": away.copied})


def note_back(run: RunFolder) -> None:
    """Remove the record: the ledger in the run's folder is whole.

    Raises:
        RunError: it cannot be removed.
    """
    try:
        (run.path / RECORD).unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"cannot remove {run.path / RECORD}: {error.strerror or error}") from error
