"""The files of an SQLite database."""

from __future__ import annotations

from pathlib import Path

BESIDE = ("-wal", "-shm")
"""The ends of the names of the files that SQLite makes beside a database in write-ahead mode."""


def remove_database(file: Path) -> None:
    """Remove a database that nobody uses, with the files beside it, if they are there.

    Raises:
        OSError: one cannot be removed.
    """
    for end in ("", *BESIDE):
        file.with_name(file.name + end).unlink(missing_ok=True)
