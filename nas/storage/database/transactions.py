"""Transactions on a ledger's database: whole or not at all, and on a server exactly once.

If the connection to a server is lost in the middle, nothing is written. If it is lost between a
COMMIT and the server's answer, the server itself says afterwards whether it was carried out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Generic, NoReturn, TypeVar

from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError

from nas.storage.database.connection import SoleWriterStorage
from nas.storage.database.patience import Patience, TryAgain, is_away

T = TypeVar("T")

_NUMBER = "SELECT CAST(pg_current_xact_id_if_assigned() AS text)"
_STATUS = "SELECT pg_xact_status(CAST(:number AS xid8))"
_END = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE backend_xid = CAST(CAST(:number AS xid8) AS xid)
"""
"""PostgreSQL's own numbers of transactions, and what became of them.

Source: https://www.postgresql.org/docs/current/functions-info.html, "Transaction ID and Snapshot
Information Functions".
"""


class UnknownOutcome(RuntimeError):
    """It cannot be found out whether a transaction was written."""


def transact(storage: SoleWriterStorage, write: Callable[[], T], patience: Patience) -> T:
    """Return what ``write`` returns, after all that it writes was committed as one transaction.

    It is also several times faster than a transaction for each statement. If ``write`` raises an
    exception, what it wrote before is kept; if it is interrupted (``KeyboardInterrupt``), nothing
    is. Only one thread may use the storage, and transactions must not nest.

    Args:
        storage: of the database.
        write: is called again if the connection was lost before it was committed: it must begin
            from the same state then.
        patience: with a server that is away.

    Raises:
        SQLAlchemyError, StorageInternalError: see
            :meth:`nas.storage.database.patience.Patience.run`.
        UnknownOutcome: the COMMIT was not answered, and its outcome cannot be found out.
    """
    return patience.run(_Transaction(storage, write).attempt)


class _Transaction(Generic[T]):
    """One transaction, which may need several attempts."""

    def __init__(self, storage: SoleWriterStorage, write: Callable[[], T]) -> None:
        self._storage = storage
        self._database: RDBStorage = storage.database
        self._write = write
        self._unanswered: tuple[str | None, Callable[[], T]] | None = None

    def attempt(self) -> T:
        """Write and commit, unless it turns out that an earlier attempt did."""
        if self._unanswered is not None:
            number, outcome = self._unanswered
            if self._was_committed(number):
                return outcome()
            self._unanswered = None
            self._storage.forget()
        return self._attempt()

    def _attempt(self) -> T:
        """Write and commit.

        Source: SQLAlchemy's "Joining a Session into an External Transaction".
        """
        sessions = self._database.scoped_session
        is_undone = True
        with self._database.engine.connect() as connection:
            transaction = connection.begin()
            _refuse_another(connection)
            sessions.remove()
            sessions.configure(bind=connection, join_transaction_mode="rollback_only")
            try:
                try:
                    result = self._write()
                except Exception as error:
                    if connection.invalidated and not is_away(error):
                        raise TryAgain("the connection was lost") from error
                    if transaction.is_active and not is_away(error):  # not undone by the storage
                        self._commit(connection, partial(_raise, error))
                        is_undone = False
                    raise
                self._commit(connection, lambda: result)
                is_undone = False
                return result
            finally:
                sessions.remove()
                sessions.configure(bind=self._database.engine)
                if is_undone and self._unanswered is None:
                    self._storage.forget()

    def _commit(self, connection: Connection, outcome: Callable[[], T]) -> None:
        """Commit; if the answer is lost, keep the number to ask for and the outcome."""
        is_postgresql = connection.dialect.name == "postgresql"
        number = connection.execute(text(_NUMBER)).scalar_one() if is_postgresql else None
        try:
            connection.commit()
        except DBAPIError as error:
            if error.connection_invalidated:
                self._unanswered = (number, outcome)
            raise

    def _was_committed(self, number: str | None) -> bool:
        if self._database.engine.dialect.name != "postgresql":
            raise UnknownOutcome(
                "the connection was lost in a COMMIT, and this kind of server cannot say whether "
                "it was carried out"
            )
        if number is None:
            return True  # it wrote nothing
        with self._database.engine.connect() as connection:
            status = connection.execute(text(_STATUS), {"number": number}).scalar_one()
            if status == "in progress":  # the server does not know that its client is gone
                connection.execute(text(_END), {"number": number})
                raise TryAgain(f"transaction {number} is still in progress")
        if status not in ("committed", "aborted"):
            raise UnknownOutcome(
                f"the connection was lost in a COMMIT, and the server says of transaction {number} "
                f"neither committed nor aborted, but {status}"
            )
        return bool(status == "committed")


def _refuse_another(connection: Connection) -> None:
    """Refuse a further transaction on a connection: its statements would commit one by one.

    Optuna tries some statements again when they fail, and so after the transaction was undone.
    """
    begun_on = connection.connection.dbapi_connection

    def refuse(again: Connection) -> NoReturn:
        if again.connection.dbapi_connection is not begun_on:
            raise TryAgain("the connection was lost")
        raise StorageInternalError("the storage has undone the transaction")

    event.listen(connection, "begin", refuse)


def _raise(error: Exception) -> NoReturn:
    raise error
