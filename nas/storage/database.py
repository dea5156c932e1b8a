"""The database that holds a ledger: connect, write as its only writer, explain its errors."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from pydantic import ValidationError
from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from nas.config.storage_url import PASSWORD_WAYS, has_password, sqlite_file, without_password
from nas.errors import RunError
from nas.samplers.optuna_private import RestingTrialStorage
from nas.storage.damaged_rows import READ_ERRORS, DamagedRows, find_damage
from search_space.primitives.registry import not_imported

STORAGE_ERRORS = (SQLAlchemyError, StorageInternalError, json.JSONDecodeError)


def connect(url: str | None, file: Path) -> tuple[RDBStorage, str]:
    """Connect to the database at ``url`` (None: in the SQLite ``file``); name it for messages.

    A ledger's tables are made if they are missing.

    Raises:
        RunError: it cannot be reached, or is no database.
    """
    place = str(file) if url is None else without_password(url)
    local = URL.create("sqlite", database=str(file))  # escapes the path's characters
    try:
        # A server may close a connection that was idle while a network trained.
        database = RDBStorage(
            url or local.render_as_string(), engine_kwargs={"pool_pre_ping": url is not None}
        )
        if url is None:
            _write_ahead(database)
    except (*STORAGE_ERRORS, ImportError, ValueError, RuntimeError) as error:
        raise _unreachable(url, place, error) from error
    return database, place


def connect_for_reading(url: str | None, file: Path) -> tuple[RDBStorage, str]:
    """Connect to read only: nothing is created or altered. Arguments are those of :func:`connect`.

    Raises:
        RunError: there is no such file, it cannot be reached, or it holds no ledger.
    """
    place = str(file) if url is None else without_password(url)
    local = file if url is None else sqlite_file(url)
    if local is not None and not local.is_file():
        raise RunError(f"the ledger {local} is missing")
    settings: dict[str, Any] = {
        "execution_options": {"postgresql_readonly": True},
        "pool_pre_ping": True,
    }
    if local is not None:
        url = URL.create("sqlite", database=str(local)).render_as_string()
        settings = {"creator": partial(_open_for_reading, local)}
    assert url is not None
    try:
        return RDBStorage(url, engine_kwargs=settings, skip_table_creation=True), place
    except (*STORAGE_ERRORS, ImportError, ValueError, RuntimeError) as error:
        raise _unreachable(url, place, error) from error


def _open_for_reading(file: Path) -> sqlite3.Connection:
    """Open an SQLite file to read only, without making files beside it.

    SQLite makes two files, ``-wal`` and ``-shm``, beside a database in write-ahead mode, unless it
    is told that nobody writes. Nobody does if there is no ``-wal``. Nobody does either if there is
    a ``-wal`` but no ``-shm``, as in the copy of a run that was killed; then a temporary copy of
    both is read.

    Source: https://www.sqlite.org/wal.html, "The WAL-Index File" and "Read-Only Databases".
    """
    file = file.resolve()
    with file.open("rb") as opened:
        header = opened.read(20)
    is_write_ahead = header[18:] == b"\2\2"  # the file format's versions for writing and reading
    written_ahead, index = (file.with_name(file.name + end) for end in ("-wal", "-shm"))
    options = "mode=ro"
    if is_write_ahead and not written_ahead.exists():
        options += "&immutable=1"
    elif is_write_ahead and not index.exists():
        return _open_copy(file, written_ahead)
    return sqlite3.connect(f"{file.as_uri()}?{options}", uri=True, check_same_thread=False)


def _open_copy(file: Path, written_ahead: Path) -> sqlite3.Connection:
    """Open a copy in memory of an SQLite file and its write-ahead file."""
    copy = sqlite3.connect(":memory:", check_same_thread=False)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(file, folder)
        shutil.copy(written_ahead, folder)
        with closing(sqlite3.connect(Path(folder) / file.name)) as source:
            source.backup(copy)
    copy.execute("PRAGMA query_only=ON")
    return copy


@contextmanager
def one_transaction(database: RDBStorage) -> Iterator[None]:
    """Write all that the block writes as one transaction: a killed process leaves all or nothing.

    It is also several times faster. If the block raises an exception, what it wrote before is
    kept; if it is interrupted (``KeyboardInterrupt``), nothing is. Only one thread may use the
    storage, and blocks must not nest.

    Source: SQLAlchemy's "Joining a Session into an External Transaction".
    """
    sessions = database.scoped_session
    with database.engine.connect() as connection:
        transaction = connection.begin()
        sessions.remove()
        sessions.configure(bind=connection, join_transaction_mode="rollback_only")
        try:
            yield
        except Exception:
            if transaction.is_active:  # not undone by the storage itself
                transaction.commit()
            raise
        else:
            transaction.commit()
        finally:
            sessions.remove()
            sessions.configure(bind=database.engine)


def unreadable(place: str, error: Exception) -> RunError:
    """Make the error to raise where a ledger cannot be read."""
    if isinstance(error, ValidationError) and (untrusted := not_imported(error)):
        return RunError(f"{place}: an architecture's {untrusted}")
    if isinstance(error, DamagedRows):
        return RunError(f"the ledger {place} is damaged: {error}")
    return RunError(f"{place} is not a ledger that can be read: {reason_of(error)}")


def reason_of(error: Exception) -> str:
    """Return a storage error's reason in one line."""
    if isinstance(error, StorageInternalError) and not isinstance(error.__cause__, SQLAlchemyError):
        return str(error)
    return str(error.__cause__ or error).splitlines()[0]


def _write_ahead(database: RDBStorage) -> None:
    """Put SQLite into write-ahead mode: commits survive a killed process and need no disk sync.

    After a power cut the last trials may be missing; the file stays readable.
    """

    def set_up(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    event.listen(database.engine, "connect", set_up)
    database.engine.dispose()  # connections made before this are not set up


def _unreachable(url: str | None, place: str, error: Exception) -> RunError:
    """Make the error to raise where a database cannot be opened."""
    reason = unreadable(place, error)
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
