"""Damaged ledgers: find the trials that cannot be read, and say why."""

from __future__ import annotations

from collections.abc import Mapping

from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from nas.storage.database.damage_text import damage_text, reason

READ_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    SQLAlchemyError,
    StorageInternalError,
    TypeError,
    ValueError,
)
"""The errors that Optuna's storage raises for a trial with incomplete JSON, an invalid date, or an
unknown distribution."""


class DamagedRows(StorageInternalError):
    """Trials of a study cannot be read; the message has the first, its reason, and the others."""


def damaged_rows(study: str, damaged: Mapping[int, str], readable: int) -> DamagedRows:
    """Make the error of a study with damaged trials; see :func:`damage_text`."""
    return DamagedRows(damage_text(study, damaged, readable))


def find_damage(database: RDBStorage, study_id: int) -> DamagedRows | None:
    """Read each trial of a study by itself; return None if all can be read.

    The caller's transaction, if there was one, is undone by the damage; these are reads of their
    own.
    """
    database.scoped_session.remove()
    database.scoped_session.configure(bind=database.engine)
    query = text("SELECT trial_id, number FROM trials WHERE study_id = :study ORDER BY number")
    with database.engine.connect() as connection:
        trials = connection.execute(query, {"study": study_id}).all()
    damaged = {}
    for trial_id, number in trials:
        try:
            database.get_trial(trial_id)
        except READ_ERRORS as error:
            damaged[number] = reason(error)
    if not damaged:
        return None
    name = database.get_study_name_from_id(study_id)
    return damaged_rows(name, damaged, len(trials) - len(damaged))
