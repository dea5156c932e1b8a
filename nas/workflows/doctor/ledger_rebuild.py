"""A new SQLite ledger made of the rows that were salvaged from a damaged one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from optuna.storages import RDBStorage
from sqlalchemy.engine import URL

from nas.config.search_config import SearchConfig
from nas.metrics import METRICS
from nas.storage.ledger_rows import OF_TRAININGS
from nas.storage.ledger_view import FORMAT, RUN_ID, SUFFIXES
from nas.workflows.doctor.salvage import Row, Salvaged

CHILDREN = (
    "trial_user_attributes",
    "trial_system_attributes",
    "trial_params",
    "trial_values",
    "trial_intermediate_values",
    "trial_heartbeats",
)
"""The tables whose rows belong to a trial."""

STUDY_CHILDREN = ("study_directions", "study_user_attributes", "study_system_attributes")

METRIC_NAMES = "study:metric_names"
"""The system attribute in which Optuna keeps the objectives' names."""

NoteMoved = Callable[[Row], None]


class Rebuilt:
    """The counts of a ledger that was made anew.

    Attributes:
        kept: rows that are in it.
        moved: rows without their trial or study, or that the database refuses; they were noted.
        stands_in: trials whose row was lost, in whose place an empty failed one stands.
    """

    def __init__(self) -> None:
        self.kept = 0
        self.moved = 0
        self.stands_in = 0


def rebuild(
    new: Path, salvaged: Salvaged, config: SearchConfig, run_id: str | None, note: NoteMoved
) -> Rebuilt:
    """Make a ledger in the file ``new``.

    Args:
        new: the file, which must not exist.
        salvaged: the rows.
        config: of the run, for what its studies must have.
        run_id: of the run.
        note: is given each row that does not get into the ledger.
    """
    storage = RDBStorage(URL.create("sqlite", database=str(new)).render_as_string())
    storage.engine.dispose()
    rebuilt = Rebuilt()
    with closing(sqlite3.connect(new)) as database, database:
        writer = _Writer(database, rebuilt, note)
        ids = _study_ids(config, salvaged)
        for row in salvaged.rows.get("studies", {}).values():
            writer.insert("studies", row)
        for name, study_id in ids.items():
            writer.add("studies", {"study_id": study_id, "study_name": name})
        studies = writer.values("studies", "study_id")
        for table in STUDY_CHILDREN:
            writer.insert_all(salvaged, table, "study_id", studies)
        _complete_studies(writer, config, run_id, ids)
        writer.insert_all(salvaged, "trials", "study_id", studies)
        _fill_gaps(writer, studies)
        trials = writer.values("trials", "trial_id") & set(
            salvaged.rows.get("trials", {})
        )  # rows of a lost trial say nothing without it
        for table in CHILDREN:
            writer.insert_all(salvaged, table, "trial_id", trials)
    return rebuilt


class _Writer:
    """Writes rows into a new database, and counts and notes what it refuses."""

    def __init__(self, database: sqlite3.Connection, rebuilt: Rebuilt, note: NoteMoved) -> None:
        self._database = database
        self.rebuilt = rebuilt
        self._note = note

    def insert_all(self, salvaged: Salvaged, table: str, key: str, owners: set[Any]) -> None:
        for row in salvaged.rows.get(table, {}).values():
            if row.get(key) in owners:
                self.insert(table, row)
            else:
                self._move(table, row, f"its {key} is {row.get(key)!r}, which was lost")

    def insert(self, table: str, row: Row) -> None:
        try:
            self._execute(table, row)
        except (sqlite3.Error, UnicodeError, OverflowError) as error:
            self._move(table, row, str(error))
        else:
            self.rebuilt.kept += 1

    def add(self, table: str, row: Row) -> bool:
        """Add a row that the ledger must have, unless it is there; return whether it was not."""
        try:
            self._execute(table, row)
        except sqlite3.IntegrityError:
            return False
        return True

    def values(self, table: str, column: str) -> set[Any]:
        return {value for (value,) in self.rows(f"SELECT {column} FROM {table}")}

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._database.execute(query, values).fetchall()

    def _execute(self, table: str, row: Row) -> None:
        columns = ", ".join(f'"{name}"' for name in row)
        places = ", ".join("?" * len(row))
        self._database.execute(
            f"INSERT INTO {table} ({columns}) VALUES ({places})", tuple(row.values())
        )

    def _move(self, table: str, row: Row, why: str) -> None:
        self._note({"table": table, "why": why, "row": row})
        self.rebuilt.moved += 1


def _study_ids(config: SearchConfig, salvaged: Salvaged) -> dict[str, int]:
    """Return an id for each study of the run; a lost one's follows from its order."""
    names = [config.name + suffix for suffix in SUFFIXES.values()]
    known = {
        row.get("study_name"): int(row["study_id"])
        for row in salvaged.rows.get("studies", {}).values()
        if row.get("study_name") in names
    }
    used = [int(row["study_id"]) for row in salvaged.rows.get("studies", {}).values()]
    # a ledger is made in this order, in one go
    base = next((known[name] - names.index(name) for name in names if name in known), 1)
    ids: dict[str, int] = {}
    for index, name in enumerate(names):
        taken = base + index in used and name not in known
        free = max([*used, *ids.values()], default=0) + 1
        ids[name] = known.get(name, free if taken else base + index)
    return ids


def _complete_studies(
    writer: _Writer, config: SearchConfig, run_id: str | None, ids: dict[str, int]
) -> None:
    """Add the studies' directions and attributes that were lost."""
    for name, study_id in ids.items():
        objectives = config.objectives if name == config.name else (OF_TRAININGS.name,)
        for index, objective in enumerate(objectives):
            direction = METRICS[objective].direction.upper()
            writer.add(
                "study_directions",
                {"study_id": study_id, "objective": index, "direction": direction},
            )
    search = ids[config.name]
    attributes: dict[str, Any] = {"format": FORMAT}
    if run_id is not None:
        attributes[RUN_ID] = run_id
    for key, value in attributes.items():
        row = {"study_id": search, "key": key, "value_json": json.dumps(value)}
        writer.add("study_user_attributes", row)
    names = json.dumps(list(config.objectives))
    row = {"study_id": search, "key": METRIC_NAMES, "value_json": names}
    writer.add("study_system_attributes", row)


def _fill_gaps(writer: _Writer, studies: set[Any]) -> None:
    """Put an empty failed trial in place of each lost one: Optuna numbers trials by counting."""
    used = writer.values("trials", "trial_id")
    for study_id in studies:
        rows = writer.rows(
            "SELECT number, trial_id FROM trials WHERE study_id = ? ORDER BY number", study_id
        )
        numbers = {n: trial_id for n, trial_id in rows if isinstance(n, int)}
        for number in sorted(set(range(max(numbers, default=-1))) - set(numbers)):
            following = min(numbers[n] for n in numbers if n > number)
            free = next(n for n in range(following - 1, -len(used) - 2, -1) if n not in used)
            used.add(free)
            numbers[number] = free
            writer.add("trials", empty_trial(free, number, study_id))
            writer.rebuilt.stands_in += 1


def empty_trial(trial_id: int, number: int, study_id: int) -> Row:
    """Return the row of a failed trial without an architecture, which no command reads."""
    now = datetime.now().isoformat(sep=" ")
    return {
        "trial_id": trial_id,
        "number": number,
        "study_id": study_id,
        "state": "FAIL",
        "datetime_start": now,
        "datetime_complete": now,
    }
