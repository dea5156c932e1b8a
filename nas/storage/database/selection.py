"""Select rows of a ledger's database without Optuna, which needs a second to start.

The tables are Optuna's (``optuna/storages/_rdb/models.py``), at one version of their schema.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from nas.config.storage_url import place_of, sqlite_file
from nas.errors import RunError
from nas.storage.database.sqlite_reading import open_for_reading

SCHEMA = "v3.2.0.a"
"""The version of Optuna's tables, which Optuna itself would change only by an explicit upgrade."""


class Selection(Protocol):
    """A database that is only read."""

    place: str  # its name in messages

    def rows(self, query: str, **values: Any) -> Sequence[Sequence[Any]]:
        """Return the rows that a query selects; ``:name`` in it stands for a value.

        Raises:
            RunError: the database cannot be reached, or is not one with these tables.
        """

    def close(self) -> None:
        """Close the connection."""


def open_selection(url: str | None, file: Path) -> Selection:
    """Open the ledger's database at ``url`` (None: in the SQLite ``file``) to read it.

    Raises:
        RunError: there is none, it cannot be reached, or it is not of this version of Optuna.
    """
    local = file if url is None else sqlite_file(url)
    selection: Selection
    if local is None:
        from nas.storage.database.server_selection import ServerSelection  # noqa: PLC0415

        assert url is not None
        selection = ServerSelection(url)
    else:
        selection = FileSelection(local, place_of(url, file))
    versions = [str(version) for (version,) in selection.rows(_VERSION)]
    if versions != [SCHEMA]:
        raise RunError(
            f"{selection.place} is not a ledger that can be read: its tables must have Optuna's "
            f"version {SCHEMA}, got {', '.join(versions) or 'none'}"
        )
    return selection


_VERSION = "SELECT version_num FROM alembic_version"


class FileSelection:
    """An SQLite file; see :class:`Selection`.

    Args:
        file: the database.
        place: its name in messages.

    Raises:
        RunError: there is no such file, or it cannot be opened.
    """

    def __init__(self, file: Path, place: str) -> None:
        if not file.is_file():
            raise RunError(f"the ledger {file} is missing")
        self.place = place
        try:
            self._connection = open_for_reading(file)
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def rows(self, query: str, **values: Any) -> Sequence[Sequence[Any]]:
        """Return the rows that a query selects."""
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _unreadable(self, error: sqlite3.Error) -> RunError:
        return RunError(f"{self.place} is not a ledger that can be read: {error}")
