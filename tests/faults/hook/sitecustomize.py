"""Kill this process at a chosen SQL statement or file write; Python imports this file by itself.

The harness puts this folder on ``PYTHONPATH`` of a command. The environment variable
``FAULTS_KILL_AT`` asks for the moment: ``sql:57`` is before the 57th SQL statement, ``write:9``
before the 9th change of a file below the folder ``FAULTS_FOLDER``: opened to be written, renamed,
removed, made. ``FAULTS_COUNTS`` names a file that gets both counts at the end instead.

The variables hold for the command alone, and not for the processes that it starts.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

KILL_AT = os.environ.pop("FAULTS_KILL_AT", "")
COUNTS = os.environ.pop("FAULTS_COUNTS", "")
FOLDER = os.environ.pop("FAULTS_FOLDER", "")

CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.link")

_counts = {"sql": 0, "write": 0}


def _count(what: str) -> None:
    _counts[what] += 1
    if f"{what}:{_counts[what]}" == KILL_AT:
        os.kill(os.getpid(), signal.SIGKILL)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        path, _, flags = arguments
        is_write = bool(flags & (os.O_WRONLY | os.O_RDWR)) if isinstance(flags, int) else False
        if not is_write or not isinstance(path, (str, bytes)):
            return
    elif event in CHANGES:
        path = arguments[1] if event in ("os.symlink", "os.link") else arguments[0]
    else:
        return
    if isinstance(path, (str, bytes, os.PathLike)) and os.fsdecode(path).startswith(FOLDER):
        _count("write")


def _watch_sqlite() -> None:
    connect = sqlite3.connect

    @functools.wraps(connect)
    def watched(*arguments: Any, **settings: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **settings)
        connection.set_trace_callback(lambda statement: _count("sql"))
        return connection

    sqlite3.connect = sqlite3.dbapi2.connect = watched  # type: ignore[assignment]


def _watch_psycopg() -> None:
    import psycopg  # noqa: PLC0415

    def counted(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def run(*arguments: Any, **settings: Any) -> Any:
            _count("sql")
            return method(*arguments, **settings)

        return run

    psycopg.Cursor.execute = counted(psycopg.Cursor.execute)  # type: ignore[method-assign]
    psycopg.Connection.commit = counted(psycopg.Connection.commit)  # type: ignore[method-assign]


def _write_counts() -> None:
    Path(COUNTS).write_text(json.dumps(_counts))


if KILL_AT or COUNTS:
    sys.addaudithook(_audit)
    _watch_sqlite()
    _watch_psycopg()
if COUNTS:
    atexit.register(_write_counts)
