"""Patience with a storage's server that is away: wait for it, and run an action again."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import DBAPIError, OperationalError, PendingRollbackError, SQLAlchemyError

from nas.evaluation.time_parts import TimePart
from nas.quantities import duration

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0

_REFUSAL = re.compile(r"password|authentication|does not exist|pg_hba|permission denied", re.I)
"""A server says so that is there and refuses the connection: waiting does not help."""


_LOST_IN_TRANSACTION = "8s2b"
"""SQLAlchemy's code of the errors that follow in a transaction whose connection was lost."""


class Waits(Protocol):
    """Says what is waited for, and sleeps. :class:`nas.search.waiting.Waiting` is one."""

    @property
    def is_over(self) -> bool:
        """Whether the patience is at its end."""

    def on(
        self, reason: str, patience_seconds: float, *, part: TimePart
    ) -> AbstractContextManager[None]:
        """Say, while the block runs, what is waited for, and in which part of their time."""

    def sleep(self, seconds: float) -> None:
        """Sleep, no longer than the patience lasts."""


class TryAgain(StorageInternalError):
    """An action that was disturbed by a lost connection, and may be run again."""


class Patience:
    """Run actions on a storage, and again if its server went away meanwhile.

    Args:
        place: the storage's name in messages, without its password.
        waits: says what is waited for; None for no patience.
        seconds: the longest wait.
    """

    def __init__(self, place: str, waits: Waits | None = None, seconds: float = 0.0) -> None:
        self._place = place
        self._waits = waits
        self._longest = self._seconds = seconds
        self._is_running = False

    def end(self) -> None:
        """Wait no more from now on."""
        self._seconds = 0.0

    def run(self, action: Callable[[], T]) -> T:
        """Return what ``action`` returns; if the connection is lost, wait and run it again.

        An action inside of another one is not run again by itself.

        Raises:
            SQLAlchemyError, StorageInternalError: the server did not come back in time (nothing is
                waited for from then on), or the storage refuses the action.
        """
        if self._is_running:
            return action()
        self._is_running = True
        try:
            return action()
        except (SQLAlchemyError, StorageInternalError) as error:
            if self._waits is None or not self._seconds or not is_away(error):
                raise
            reason = reason_of(error)
        finally:
            self._is_running = False
        awaited = f"the storage {self._place}: {reason}"
        with self._waits.on(awaited, self._seconds, part="waiting_storage"):
            return self._run_again(action, self._waits)

    def _run_again(self, action: Callable[[], T], waits: Waits) -> T:
        pause = FIRST_PAUSE_SECONDS
        while True:
            waits.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            self._is_running = True
            try:
                return action()
            except (SQLAlchemyError, StorageInternalError) as error:
                if not is_away(error):
                    raise
                if waits.is_over:
                    self.end()
                    raise
            finally:
                self._is_running = False

    @property
    def advice(self) -> str:
        """The end of a message about a server that is away: how the run is continued."""
        if self._waits is None:
            return "; try again when the server is there"
        return (
            f" (after {duration(self._longest)}, search.patience_minutes); nothing that had "
            "finished is lost: when the server is there, give the command again (a search with "
            "--resume)"
        )


def is_away(error: Exception) -> bool:
    """Return whether an error says that a server cannot be reached, or was lost in the middle."""
    if isinstance(error, TryAgain):
        return True
    cause = error.__cause__ if isinstance(error, StorageInternalError) else error
    if isinstance(cause, PendingRollbackError):
        return cause.code == _LOST_IN_TRANSACTION
    if not isinstance(cause, DBAPIError) or isinstance(cause.orig, sqlite3.Error):
        return False  # a file is always there
    if cause.connection_invalidated:
        return True
    is_connecting = isinstance(cause, OperationalError) and cause.statement is None
    return is_connecting and not _REFUSAL.search(str(cause.orig))


def reason_of(error: Exception) -> str:
    """Return a storage error's reason in one line."""
    cause = error.__cause__
    if isinstance(error, StorageInternalError):
        if not isinstance(cause, SQLAlchemyError):
            return str(error)
        error = cause
    shown = error.orig if isinstance(error, DBAPIError) else error
    return (str(shown).splitlines() or [type(shown).__name__])[0]
