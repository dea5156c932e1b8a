"""Ledgers with trials that cannot be read: which they are, why, and how many others can be."""

from __future__ import annotations

from collections.abc import Mapping

from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

SHOWN_CHARACTERS = 200
"""Of a reason."""

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
"""What Optuna's storage raises for a trial with JSON that is cut off, a date that is none, or a
distribution that it does not know."""


class DamagedRows(StorageInternalError):
    """Trials of a study cannot be read; the message names the first, its reason, and the others."""


def damaged_rows(study: str, damaged: Mapping[int, str], readable: int) -> DamagedRows:
    """What to say of a study.

    Args:
        study: its name.
        damaged: why each damaged trial cannot be read, by number.
        readable: how many others can be read.
    """
    first, *others = damaged
    more = f" (and trials {', '.join(map(str, others))})" if others else ""
    return DamagedRows(
        f"trial {first} of {study!r}{more} cannot be read: {damaged[first]}; {readable} other "
        "trials of it can be"
    )


def sought_in(database: RDBStorage, study_id: int) -> DamagedRows | None:
    """Read each trial of a study by itself; None if all can be read."""
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
    """Why something cannot be read, in one line."""
    if isinstance(error, ValidationError):
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        said = f"{place}: {problem['msg']}" if place else problem["msg"]
    else:
        said = str(error)
        if isinstance(error, LookupError | AttributeError) or not said:
            said = f"{type(error).__name__} {said}"
    said = " ".join(said.split())
    return said if len(said) <= SHOWN_CHARACTERS else f"{said[:SHOWN_CHARACTERS]}..."
