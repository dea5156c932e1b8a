"""Changes of single rows of a ledger, each noted in full before and made in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from optuna.storages import RDBStorage
from sqlalchemy import Connection, MetaData, Table, text

from nas.workflows.doctor.copies import note_moved
from nas.workflows.doctor.ledger_rebuild import CHILDREN, empty_trial
from nas.workflows.doctor.raw_rows import is_json, rows_of

PROPOSAL = ("arch_id", "description", "seed", "recipe_id", "architecture")
"""The user attributes that a trial has before it is trained."""


def train_again(
    database: RDBStorage,
    trial_id: int,
    copies: Path,
    proposal: Mapping[str, Any] | None = None,
) -> None:
    """Take a trial's results out, so that a resumed search trains it under its own number.

    Args:
        database: the ledger's.
        trial_id: of the trial in the database.
        copies: the folder in which its rows are noted before.
        proposal: the attributes that describe its architecture; None if it has them.
    """
    with database.engine.begin() as connection:
        tables = _noted(connection, trial_id, copies, "its results were taken out")
        attributes = tables["trial_user_attributes"]
        kept = PROPOSAL if proposal is None else ()
        connection.execute(
            attributes.delete().where(
                attributes.c.trial_id == trial_id, attributes.c.key.not_in(kept)
            )
        )
        for key, value in (proposal or {}).items():
            row = {"trial_id": trial_id, "key": key, "value_json": json.dumps(value)}
            connection.execute(attributes.insert().values(row))
        _clear_what_is_not_json(connection, tables["trial_system_attributes"], trial_id)
        for name in ("trial_values", "trial_intermediate_values"):
            connection.execute(tables[name].delete().where(tables[name].c.trial_id == trial_id))
        trials = tables["trials"]
        connection.execute(
            trials.update()
            .where(trials.c.trial_id == trial_id)
            .values(state="RUNNING", datetime_start=_now(), datetime_complete=None)
        )


def move_out(database: RDBStorage, trial_id: int, copies: Path) -> None:
    """Leave of a trial an empty failed one, so that numbers stay; nothing reads it as a row."""
    with database.engine.begin() as connection:
        tables = _noted(connection, trial_id, copies, "it was moved out")
        _clear(connection, tables, trial_id)
        now = _now()
        trials = tables["trials"]
        connection.execute(
            trials.update()
            .where(trials.c.trial_id == trial_id)
            .values(state="FAIL", datetime_start=now, datetime_complete=now)
        )


def remove(database: RDBStorage, trial_id: int, copies: Path) -> None:
    """Take a trial out whole: another one has its number."""
    with database.engine.begin() as connection:
        tables = _noted(connection, trial_id, copies, "it was moved out")
        _clear(connection, tables, trial_id)
        trials = tables["trials"]
        connection.execute(trials.delete().where(trials.c.trial_id == trial_id))


def fill_gap(database: RDBStorage, study_id: int, number: int) -> None:
    """Put an empty failed trial in the place of a missing one: Optuna numbers by counting."""
    with database.engine.begin() as connection:
        trials = _tables(connection)["trials"]
        used = set(connection.execute(text("SELECT trial_id FROM trials")).scalars())
        query = text(
            "SELECT min(trial_id) FROM trials WHERE study_id = :study AND number > :number"
        )
        values = {"study": study_id, "number": number}
        following: int = connection.execute(query, values).scalar_one()
        free = next(n for n in range(following - 1, -len(used) - 2, -1) if n not in used)
        row = empty_trial(free, number, study_id)
        dates = {name: datetime.fromisoformat(row[name]) for name in row if "datetime" in name}
        connection.execute(trials.insert().values(row | dates))


def _noted(connection: Connection, trial_id: int, copies: Path, why: str) -> dict[str, Table]:
    note_moved(copies, {"why": why, "trial": trial_id, "rows": rows_of(connection, trial_id)})
    return _tables(connection)


def _tables(connection: Connection, names: Sequence[str] = ("trials", *CHILDREN)) -> Any:
    metadata = MetaData()
    metadata.reflect(connection, only=names)
    return metadata.tables


def _clear(connection: Connection, tables: dict[str, Table], trial_id: int) -> None:
    for name in CHILDREN:
        connection.execute(tables[name].delete().where(tables[name].c.trial_id == trial_id))


def _clear_what_is_not_json(connection: Connection, table: Table, trial_id: int) -> None:
    query = text("SELECT key, value_json FROM trial_system_attributes WHERE trial_id = :trial")
    for key, value in connection.execute(query, {"trial": trial_id}).all():
        if not is_json(value):
            own = (table.c.trial_id == trial_id, table.c.key == key)
            connection.execute(table.delete().where(*own))


def _now() -> datetime:
    """Return the time as Optuna writes it: local, without a zone."""
    return datetime.now()
