"""Open an SQLite file to read only, in whatever state its writer left it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path


def open_for_reading(file: Path) -> sqlite3.Connection:
    """Open an SQLite file to read only, without making files beside it.

    SQLite makes two files, ``-wal`` and ``-shm``, beside a database in write-ahead mode, unless it
    is told that nobody writes. Nobody does if there is no ``-wal``. Nobody does either if there is
    a ``-wal`` but no ``-shm``, as in the copy of a run that was killed; then a temporary copy of
    both is read.

    Nothing in this process but SQLite may open the file: if this process writes to it too, closing
    any other descriptor of it would end SQLite's locks. So another process reads its header.

    Source: https://www.sqlite.org/wal.html, "The WAL-Index File" and "Read-Only Databases";
    https://www.sqlite.org/howtocorrupt.html, "Posix advisory locks canceled by a separate thread
    doing close()"; https://www.sqlite.org/fileformat2.html, "The Database Header".
    """
    file = file.resolve()
    written_ahead, index = (file.with_name(file.name + end) for end in ("-wal", "-shm"))
    options = "mode=ro"
    if not written_ahead.exists():
        if _is_write_ahead(file):
            options += "&immutable=1"
    elif not index.exists() and _is_write_ahead(file):
        return _open_copy(file, written_ahead)
    return sqlite3.connect(f"{file.as_uri()}?{options}", uri=True, check_same_thread=False)


def _is_write_ahead(file: Path) -> bool:
    """Return whether an SQLite file is in write-ahead mode; False if it is no database."""
    header = subprocess.run(["head", "-c", "20", file], capture_output=True, check=False).stdout
    return header[18:] == b"\2\2"  # the file format's versions for writing and reading


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
