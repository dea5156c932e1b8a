"""Writes the golden files: ``python -m tests.golden.record [NAME ...]``; all without a name."""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from threadpoolctl import threadpool_limits

from .drive import Record, replay_record, search_record
from .replays import REPLAYS
from .searches import SEARCHES

FILES = Path(__file__).parent / "files"

NAMES = [scenario.name for scenario in (*REPLAYS, *SEARCHES)]
assert len(set(NAMES)) == len(NAMES)


@contextmanager
def conditions() -> Iterator[None]:
    """One thread for linear algebra; SQLite does not wait for the disk, and writes the same."""

    def connected(connection: Any, record: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", connected)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        event.remove(Engine, "connect", connected)


def record_of(name: str) -> Record:
    """Run a scenario; :func:`conditions` must hold."""
    for replay in REPLAYS:
        if replay.name == name:
            return replay_record(replay)
    for search in SEARCHES:
        if search.name == name:
            with tempfile.TemporaryDirectory() as folder:
                return search_record(search, Path(folder))
    raise ValueError(f"no scenario is called {name!r}")


def text_of(record: Record) -> str:
    """Strict JSON with sorted keys, floats by their repr, and one line an entry of each part."""
    return (
        "{\n"
        + ",\n".join(f"{_line(key)}: {_part(record[key])}" for key in sorted(record))
        + "\n}\n"
    )


def _part(value: Any) -> str:
    if not value or not isinstance(value, list | dict):
        return _line(value)
    if isinstance(value, list):
        return "[\n" + ",\n".join(map(_line, value)) + "\n]"
    return "{\n" + ",\n".join(f"{_line(key)}: {_line(value[key])}" for key in sorted(value)) + "\n}"


def _line(value: Any) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))


def main() -> None:
    """Write the files of the scenarios that are named, and say what each took."""
    chosen = sys.argv[1:] or NAMES
    if not sys.argv[1:]:
        for file in FILES.glob("*.json"):
            if file.stem not in NAMES:
                file.unlink()
    with conditions():
        for name in chosen:
            began = time.process_time()
            text = text_of(record_of(name))
            (FILES / f"{name}.json").write_text(text)
            print(f"{time.process_time() - began:6.2f} s {len(text):7,} bytes  {name}")


if __name__ == "__main__":
    main()
