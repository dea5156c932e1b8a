"""Rows of a ledger as they stand in the database, also those that Optuna cannot read."""

from __future__ import annotations

import json
from typing import Any

from optuna.distributions import json_to_distribution
from optuna.storages import RDBStorage
from sqlalchemy import Connection, text

from nas.storage.database.damaged_rows import READ_ERRORS
from nas.workflows.doctor.ledger_rebuild import CHILDREN

BEGUN = ("RUNNING", "COMPLETE", "PRUNED")


def rows_of(connection: Connection, trial_id: int) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of a trial, by table, as they stand in the database."""
    if connection.dialect.name == "sqlite":
        # a damaged text may not be UTF-8
        driver: Any = connection.connection.dbapi_connection
        driver.text_factory = lambda content: content.decode(errors="surrogateescape")
    return {
        table: [
            dict(row)
            for row in connection.execute(
                text(f"SELECT * FROM {table} WHERE trial_id = :trial"), {"trial": trial_id}
            ).mappings()
        ]
        for table in ("trials", *CHILDREN)
    }


def params_of(database: RDBStorage, trial_id: int) -> dict[str, Any] | None:
    """Return the parameters of a trial that was begun; None if they cannot be read, or it failed.

    Optuna reads a trial as a whole or not at all.
    """
    values = {"trial": trial_id}
    state = text("SELECT state FROM trials WHERE trial_id = :trial")
    query = text(
        "SELECT param_name, param_value, distribution_json FROM trial_params "
        "WHERE trial_id = :trial"
    )
    try:
        with database.engine.connect() as connection:
            if connection.execute(state, values).scalar() not in BEGUN:
                return None
            return {
                name: json_to_distribution(distribution).to_external_repr(value)
                for name, value, distribution in connection.execute(query, values)
            }
    except READ_ERRORS:
        return None


def is_json(text_: object) -> bool:
    """Whether a value is a text in JSON."""
    try:
        json.loads(text_)  # type: ignore[arg-type]
    except (ValueError, TypeError, RecursionError):
        return False
    return True
