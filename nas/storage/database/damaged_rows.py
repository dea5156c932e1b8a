"""Damaged ledgers: find the trials that cannot be read, and say why."""

from __future__ import annotations

from collections.abc import Mapping

from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

SHOWN_CHARACTERS = 200
"""The most characters of a reason that are shown."""

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
    """Make the error of a study with damaged trials.

    Args:
        study: its name.
        damaged: why each damaged trial cannot be read, by number.
        readable: the number of other trials, which can be read.
    """
    first, *others = damaged
    more = f" (and trials {', '.join(map(str, others))})" if others else ""
    return DamagedRows(
        f"trial {first} of {study!r}{more} cannot be read: {damaged[first]}; {readable} other "
        "trials of it can be"
    )


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


def reason(error: Exception) -> str:
    """Return an error's reason in one line."""
    if isinstance(error, ValidationError):
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        message = f"{place}: {problem['msg']}" if place else problem["msg"]
    else:
        message = str(error)
        if isinstance(error, LookupError | AttributeError) or not message:
            message = f"{type(error).__name__} {message}"
    message = " ".join(message.split())
    return message if len(message) <= SHOWN_CHARACTERS else f"{message[:SHOWN_CHARACTERS]}..."
