"""The database that holds a ledger: connect, write as its only writer, explain its errors."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from pydantic import ValidationError
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from nas.config.storage_url import (
    PASSWORD_WAYS,
    has_password,
    place_of,
    sqlite_file,
    url_for_sqlalchemy,
)
from nas.errors import RunError
from nas.samplers.optuna_private import RestingTrialStorage
from nas.storage.database.damaged_rows import READ_ERRORS, DamagedRows, find_damage
from nas.storage.database.patience import Patience, is_away, reason_of
from nas.storage.database.sqlite_reading import open_for_reading
from search_space.primitives.registry import not_imported

STORAGE_ERRORS = (SQLAlchemyError, StorageInternalError, json.JSONDecodeError)

NETWORK_SETTINGS = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds; the others are in seconds
}
"""The settings of PostgreSQL's library by which a mute server counts as lost after a minute."""

LIBPQ_DRIVERS = ("psycopg", "psycopg2")
"""The drivers that take these settings."""


def connect(url: str | None, file: Path, patience: Patience) -> RDBStorage:
    """Connect to the database at ``url`` (None: in the SQLite ``file``).

    A ledger's tables are made if they are missing.

    Args:
        url: of the database.
        file: of the database if there is no URL.
        patience: with a server that is away.

    Raises:
        RunError: it cannot be reached, or is no database.
    """
    local = URL.create("sqlite", database=str(file))  # escapes the path's characters
    # A server may close a connection that was idle while a network trained.
    settings: dict[str, Any] = {"pool_pre_ping": url is not None}
    try:
        if url is not None:
            settings["connect_args"] = network_settings(url)
        address = local.render_as_string() if url is None else url_for_sqlalchemy(url)
        database = patience.run(lambda: RDBStorage(address, engine_kwargs=settings))
        if url is None:
            _write_ahead(database)
    except (*STORAGE_ERRORS, ImportError, ValueError, RuntimeError) as error:
        raise unreachable(url, place_of(url, file), error, patience) from error
    return database


def network_settings(url: str) -> dict[str, Any]:
    """Return the arguments for a connection that the URL does not give itself."""
    parsed = make_url(url_for_sqlalchemy(url))
    if parsed.get_backend_name() != "postgresql" or parsed.get_driver_name() not in LIBPQ_DRIVERS:
        return {}
    return {name: value for name, value in NETWORK_SETTINGS.items() if name not in parsed.query}


def connect_for_reading(url: str | None, file: Path, patience: Patience) -> RDBStorage:
    """Connect to read only: nothing is created or altered. Arguments are those of :func:`connect`.

    Raises:
        RunError: there is no such file, it cannot be reached, or it holds no ledger.
    """
    place = place_of(url, file)
    local = file if url is None else sqlite_file(url)
    if local is not None and not local.is_file():
        raise RunError(f"the ledger {local} is missing")
    settings: dict[str, Any] = {
        "execution_options": {"postgresql_readonly": True},
        "pool_pre_ping": True,
    }
    if local is not None:
        url = URL.create("sqlite", database=str(local)).render_as_string()
        settings = {"creator": partial(open_for_reading, local)}
    assert url is not None
    address = url_for_sqlalchemy(url)
    try:
        if local is None:
            settings["connect_args"] = network_settings(url)
        return patience.run(
            lambda: RDBStorage(address, engine_kwargs=settings, skip_table_creation=True)
        )
    except (*STORAGE_ERRORS, ImportError, ValueError, RuntimeError) as error:
        raise unreachable(url, place, error, patience) from error


def unreadable(place: str, error: Exception, patience: Patience | None = None) -> RunError:
    """Make the error to raise where a ledger cannot be read."""
    if isinstance(error, ValidationError) and (untrusted := not_imported(error)):
        return RunError(f"{place}: an architecture's {untrusted}")
    if isinstance(error, DamagedRows):
        return RunError(f"the ledger {place} is damaged: {error}")
    if is_away(error):
        advice = "" if patience is None else patience.advice
        return RunError(f"the storage {place} cannot be reached: {reason_of(error)}{advice}")
    return RunError(f"{place} is not a ledger that can be read: {reason_of(error)}")


def _write_ahead(database: RDBStorage) -> None:
    """Put SQLite into write-ahead mode: commits survive a killed process and need no disk sync.

    After a power cut the last trials may be missing; the file stays readable.
    """

    def set_up(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    event.listen(database.engine, "connect", set_up)
    database.engine.dispose()  # connections made before this are not set up


def unreachable(
    url: str | None, place: str, error: Exception, patience: Patience | None = None
) -> RunError:
    """Make the error to raise where a database cannot be opened."""
    reason = unreadable(place, error, patience)
    if url is None or "password" not in reason_of(error) or has_password(url):
        return reason
    return RunError(f"{reason}; {PASSWORD_WAYS}")


class OtherChoicesError(StorageInternalError, ValueError):
    """A parameter has other choices than earlier trials of the study: they are of another space.

    It is the ``ValueError`` that Optuna promises, and for this project an error of the storage.
    """


class SoleWriterStorage(RestingTrialStorage):
    """The storage of the only process that writes to it; trials that wait at a rung rest.

    A proposal does not read resting trials again, of which there may be hundreds.
    """

    def refresh(self, study_id: int) -> None:
        """Read a study's new and unfinished trials from the database.

        Raises:
            DamagedRows: naming the trials that cannot be read.
        """
        try:
            super().refresh(study_id)
        except READ_ERRORS as error:
            if is_away(error):
                raise
            raise find_damage(self.database, study_id) or error from error

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Record a parameter of a trial.

        Raises:
            OtherChoicesError: earlier trials have other choices of this parameter.
        """
        try:
            super().set_trial_param(trial_id, param_name, param_value_internal, distribution)
        except ValueError as error:
            raise OtherChoicesError(
                f"{param_name} has other choices than in earlier trials, which are of another space"
            ) from error
