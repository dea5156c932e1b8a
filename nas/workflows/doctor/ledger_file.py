"""The ledger's file: whether the database can be read as a whole, and its salvage if not."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from nas.config.storage_url import sqlite_file
from nas.errors import RunError
from nas.storage.database.damage_text import reason
from nas.storage.run.ledger_away import RECORD, ledger_away
from nas.workflows.doctor.case import Case
from nas.workflows.doctor.copies import note_moved
from nas.workflows.doctor.finding import Finding, Mend
from nas.workflows.doctor.ledger_rebuild import rebuild
from nas.workflows.doctor.salvage import Salvaged, salvage

EVERYTHING = "all trials: status, frontier, search --resume and retrain need the ledger"
FROM_A_COPY = "not recoverable from this folder: put a copy of the file back, or begin a new run"
MOST_PROBLEMS = 20


def examine_away(case: Case) -> list[Finding]:
    """Find that a killed driver has left the last rows of the ledger on its disk."""
    if case.is_driven:
        return []
    try:
        away = ledger_away(case.run)
        problem = "" if away is None else str(away)
    except RunError as error:
        problem = str(error)
    if not problem:
        return []
    return [
        Finding(
            RECORD,
            problem,
            "the rows after the copy: --repair, clean and archive wait for them",
            "`nas search CONFIG --resume` on that machine goes on with them; elsewhere it goes on "
            "from the copy",
        )
    ]


def examine_file(case: Case) -> list[Finding]:
    """Examine the database of a ledger as a whole.

    Returns:
        Nothing if it is whole; else the caller reads no rows of it.
    """
    config = case.config
    file = case.run.ledger_file if config.storage is None else sqlite_file(config.storage)
    if file is not None and not file.is_file():
        return _missing(case, file)
    try:
        problem = _problem_of(case)
    except (RunError, sqlite3.Error) as error:
        problem = str(error)
    if not problem:
        return []
    case.close_reader()  # the file is copied now: closing any descriptor of it ends SQLite's locks
    if file is None or file.parent.resolve() != case.run.path.resolve():
        return [Finding(str(file or "storage"), problem, EVERYTHING, FROM_A_COPY)]
    try:
        salvaged = salvage(file)
    except (sqlite3.Error, OSError) as error:
        salvaged, problem = Salvaged(), f"{problem}; nothing can be salvaged: {error}"
    place = case.place(file)
    if not salvaged.has_trials:
        return [Finding(place, problem, EVERYTHING, FROM_A_COPY)]
    trials, rows = len(salvaged.rows["trials"]), salvaged.kept_rows
    lost = salvaged.lost_rows
    remedy = (
        f"{trials} trials ({rows:,} rows of the database) can be read, and {lost:,} rows before "
        "the last that can be read are lost: --repair makes a new ledger of them"
    )
    act = f"makes a new ledger of the {rows:,} rows that can be read"
    mend = Mend(act, _files(file), _salvaging(case, file))
    return [Finding(place, problem, EVERYTHING, remedy, mend)]


def _missing(case: Case, file: Path) -> list[Finding]:
    if case.run.has_begun():
        return [Finding(case.place(file), "the ledger is missing", EVERYTHING, FROM_A_COPY)]
    return [
        Finding(
            case.place(file),
            "the ledger is not there yet: the search died while it began",
            "nothing: no trial was begun",
            "`nas search ... --resume` makes it",
            is_wrong=False,
        )
    ]


def _problem_of(case: Case) -> str:
    """Return what SQLite says is wrong with the file; empty for nothing, and for a server."""
    database, _ = case.reader()
    try:
        if database.engine.dialect.name != "sqlite":
            return ""
        with database.engine.connect() as connection:
            query = text(f"PRAGMA integrity_check({MOST_PROBLEMS})")
            lines = [str(line) for (line,) in connection.execute(query)]
    except (SQLAlchemyError, UnicodeError) as error:
        return f"not a database that can be read: {reason(error)}"
    if lines == ["ok"]:
        return ""
    several = f" (and {len(lines) - 1} more problems)" if len(lines) > 1 else ""
    return f"SQLite's integrity check says: {' '.join(lines[0].split())}{several}"


def _run_id_of(case: Case) -> str | None:
    """Return the run that ``environment.json`` names; None if that is damaged too."""
    try:
        return case.run.run_id
    except RunError:
        return None


def _files(file: Path) -> tuple[Path, ...]:
    ends = ("", "-wal", "-shm", "-journal")
    return tuple(file.with_name(file.name + end) for end in ends)


def _salvaging(case: Case, file: Path) -> Callable[[Path], str]:
    def run(copies: Path) -> str:
        salvaged = salvage(file)
        new = file.with_name(f".{os.getpid()}-salvaged.tmp")
        try:
            rebuilt = rebuild(
                new,
                salvaged,
                case.config,
                _run_id_of(case),
                lambda row: note_moved(copies, row),
            )
            # an old write-ahead file beside the new database would be written into it
            for beside in _files(file)[1:]:
                beside.unlink(missing_ok=True)
            new.replace(file)
        except (sqlite3.Error, SQLAlchemyError, OSError) as error:
            raise RunError(f"{file} could not be made anew: {reason(error)}") from error
        finally:
            for left in _files(new):
                left.unlink(missing_ok=True)
        return (
            f"made a new ledger: {rebuilt.kept:,} rows of the database kept, "
            f"{salvaged.lost_rows:,} lost, {rebuilt.moved:,} moved out; {rebuilt.stands_in} empty "
            f"trials stand in place of lost ones; the old file is in {copies.name}"
        )

    return run
