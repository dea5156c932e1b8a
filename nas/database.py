"""The database that a ledger is kept in: connecting, and writing several things as one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from pydantic import ValidationError
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from nas.run_folder import RunError

STORAGE_ERRORS = (SQLAlchemyError, StorageInternalError, json.JSONDecodeError)


def connect(url: str | None, file: Path) -> tuple[RDBStorage, str]:
    """The database at ``url`` (None: in the SQLite ``file``), and what messages call it.

    Raises:
        RunError: it cannot be reached, or is no database.
    """
    place = str(file) if url is None else _without_password(url)
    local = URL.create("sqlite", database=str(file))  # whatever the path's characters
    try:
        # A server may close a connection that was idle while a network trained.
        database = RDBStorage(
            url or local.render_as_string(), engine_kwargs={"pool_pre_ping": url is not None}
        )
        if url is None:
            _write_ahead(database)
    except (*STORAGE_ERRORS, ImportError, ValueError, RuntimeError) as error:
        raise unreadable(place, error) from error
    return database, place


@contextmanager
def one_transaction(database: RDBStorage) -> Iterator[None]:
    """Whatever the block tells the storage is written as one: a killed process leaves all or none.

    It is also several times faster. Where the block raises an exception, what it told before is
    kept; where it is interrupted (``KeyboardInterrupt``), none of it is. For the only thread that
    uses the storage, and not within another such block.

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
    """What to raise where a ledger cannot be read."""
    if isinstance(error, ValidationError):
        reason = f"an architecture is wrong: {error.errors()[0]['msg']}"
    else:
        reason = reason_of(error)
    return RunError(f"{place} is not a ledger that can be read: {reason}")


def reason_of(error: Exception) -> str:
    """What a storage's error says, in one line."""
    return str(error.__cause__ or error).splitlines()[0]


def _write_ahead(database: RDBStorage) -> None:
    """Let SQLite write ahead: a commit then survives a killed process without waiting for the disk.

    (After a power cut the last trials may be missing; the file stays whole.)
    """

    def set_up(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    event.listen(database.engine, "connect", set_up)
    database.engine.dispose()  # connections made before this are not set up


def _without_password(url: str) -> str:
    try:
        parsed = make_url(url)
    except (SQLAlchemyError, ValueError) as error:
        raise RunError(
            "storage: not a database URL such as postgresql+psycopg://user:password@host/name"
        ) from error
    secrets = [key for key in parsed.query if "password" in key]
    return parsed.difference_update_query(secrets).render_as_string(hide_password=True)
