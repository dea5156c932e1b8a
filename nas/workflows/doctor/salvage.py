"""Salvage of a damaged SQLite ledger: read every row that can be read, by table.

The file may be cut or have pages of other content. Python's ``sqlite3`` has no ``.recover``; a scan
from either end, and a look at each row in between, reads what is on whole pages.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from optuna.storages import RDBStorage
from sqlalchemy.engine import URL

MOST_LOOKUPS = 300_000
"""Row numbers that are looked up one by one in a table."""

HEADER_BYTES = 100
"""The database's header, on its first page: https://www.sqlite.org/fileformat.html#the_database_header
"""

Row = dict[str, Any]


@dataclass
class Salvaged:
    """The rows of a damaged database that can be read.

    Attributes:
        rows: by table, and then by row number.
        lost: the numbers of rows that were there and cannot be read, by table.
    """

    rows: dict[str, dict[int, Row]] = field(default_factory=dict)
    lost: dict[str, list[int]] = field(default_factory=dict)

    @property
    def kept_rows(self) -> int:
        """The number of rows that can be read."""
        return sum(map(len, self.rows.values()))

    @property
    def lost_rows(self) -> int:
        """The number of rows that are known to be lost; there may have been more after the last."""
        return sum(map(len, self.lost.values()))

    @property
    def has_trials(self) -> bool:
        """Whether there is anything to make a ledger of."""
        return bool(self.rows.get("trials"))


def salvage(file: Path) -> Salvaged:
    """Read what can be read of an SQLite file and its write-ahead file, from a temporary copy."""
    with tempfile.TemporaryDirectory(prefix="nas-doctor-") as folder:
        copy = Path(folder) / file.name
        shutil.copyfile(file, copy)
        written_ahead = file.with_name(f"{file.name}-wal")
        if written_ahead.is_file():
            shutil.copyfile(written_ahead, copy.with_name(written_ahead.name))
        salvaged = Salvaged()
        _put_schema_back(copy, Path(folder) / "new.db")
        with closing(sqlite3.connect(copy)) as database:
            database.text_factory = lambda content: content.decode(errors="surrogateescape")
            # SQLite refuses a file shorter than its header says, unless told so:
            # https://www.sqlite.org/pragma.html#pragma_writable_schema
            database.execute("PRAGMA writable_schema=ON")
            for table in _tables(database):
                rows, lost = _rows_of(database, table)
                if rows or lost:
                    salvaged.rows[table], salvaged.lost[table] = rows, lost
        return salvaged


def _put_schema_back(file: Path, new: Path) -> None:
    """Write the schema's pages of a new ledger over those of a ledger that lost some.

    Optuna makes all tables at once, so that they begin on the same pages in every ledger of one
    version. Nothing is done where the schema can be read.

    Args:
        file: the damaged database; its write-ahead file is written into it.
        new: a path for the new ledger.
    """
    with closing(sqlite3.connect(file)) as damaged:
        damaged.execute("PRAGMA writable_schema=ON")
        try:
            if damaged.execute("SELECT name FROM sqlite_master").fetchall():
                return
        except sqlite3.Error:
            pass  # for this it is done
    RDBStorage(URL.create("sqlite", database=str(new)).render_as_string()).engine.dispose()
    with closing(sqlite3.connect(new)) as fresh:
        (page_bytes,) = fresh.execute("PRAGMA page_size").fetchone()
        query = "SELECT pageno FROM dbstat WHERE name = 'sqlite_schema'"
        try:
            pages = [number for (number,) in fresh.execute(query)]
        except sqlite3.Error:  # this SQLite was built without dbstat
            return
    schema = new.read_bytes()
    content = bytearray(file.read_bytes())
    header = content[:HEADER_BYTES]
    if int.from_bytes(header[16:18]) != page_bytes:  # no ledger, or of other pages
        return
    for number in pages:
        begin, end = (number - 1) * page_bytes, number * page_bytes
        content.extend(bytes(max(0, end - len(content))))
        content[begin:end] = schema[begin:end]
    content[:HEADER_BYTES] = header
    file.write_bytes(content)


def _tables(database: sqlite3.Connection) -> list[str]:
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return [str(name) for (name,) in _until_damage(database, query)]


def _rows_of(database: sqlite3.Connection, table: str) -> tuple[dict[int, Row], list[int]]:
    """Return the rows of a table by their numbers, and the numbers of the lost ones."""
    name = _quoted(table)
    select = f"SELECT rowid, * FROM {name}"
    try:
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({name})")]
    except sqlite3.Error:
        return {}, []
    rows: dict[int, Row] = {}

    def keep(query: str, *values: int) -> None:
        for number, *cells in _until_damage(database, query, *values):
            rows[number] = dict(zip(columns, cells, strict=False))

    keep(f"{select} ORDER BY rowid")
    keep(f"{select} ORDER BY rowid DESC")
    known = set(rows)
    for index in _indexes(database, name):
        # an index has the row numbers too, on other pages
        known |= {n for (n,) in _until_damage(database, f"SELECT rowid FROM {name} {index}")}
    last = max((n for n in known if isinstance(n, int)), default=0)
    wanted = known | set(range(1, min(last, MOST_LOOKUPS) + 1))
    for number in sorted(wanted - set(rows))[:MOST_LOOKUPS]:
        keep(f"{select} WHERE rowid = ?", number)
    return rows, sorted(wanted - set(rows))


def _indexes(database: sqlite3.Connection, table: str) -> list[str]:
    query = f"PRAGMA index_list({table})"
    return [f"INDEXED BY {_quoted(row[1])}" for row in _until_damage(database, query)]


def _until_damage(
    database: sqlite3.Connection, query: str, *values: int
) -> Iterator[tuple[Any, ...]]:
    """Yield a query's rows until one cannot be read."""
    try:
        yield from database.execute(query, values)
    except (sqlite3.Error, OverflowError):
        return


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
