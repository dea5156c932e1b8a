"""Benchmark tables from CSV files, plain or compressed by gzip."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nas.benchmark.table import BenchmarkTable, TableError, in_order, space_of_rows
from search_space.nearest import hint

MOST_BYTES = 2**26
"""64 MiB of text, decompressed."""

MOST_ROWS = 1_000_000

MOST_CELLS = 10_000_000


class Cells(NamedTuple):
    """A CSV file's text: a header, without blanks around names, and rows of as many cells."""

    path: Path
    header: list[str]
    rows: list[list[str]]
    lines: list[int]  # each row's line in the file, from 1
    comments: list[str]  # the lines at its head that begin with #, without the #

    def column(self, name: str) -> list[str]:
        """Return the cells of a column.

        Raises:
            TableError: there is no column of this name.
        """
        if name not in self.header:
            raise TableError(f"{self.path}: there is no column {name!r}; {hint(name, self.header)}")
        place = self.header.index(name)
        return [row[place] for row in self.rows]

    def numbers(self, name: str) -> np.ndarray:
        """Return a column of finite numbers.

        Raises:
            TableError: no such column, or a cell that is not a finite number, with its place.
        """
        numbers = []
        for cell, line in zip(self.column(name), self.lines, strict=True):
            try:
                number = float(cell)
            except ValueError:
                number = np.nan
            if not np.isfinite(number):
                raise TableError(
                    f"{self.path} line {line}, column {name}: must be a finite number, got {cell!r}"
                )
            numbers.append(number)
        return np.array(numbers)


def read_csv_table(
    path: Path,
    *,
    choices: Sequence[str],
    maximise: str,
    minimise: str,
    seconds: str | None = None,
) -> BenchmarkTable:
    """Read a table with one row for each architecture.

    Args:
        path: a CSV with a header, ``.csv`` or ``.csv.gz``; lines with ``#`` at its head are
            skipped.
        choices: the categorical columns; an empty cell is a choice of its own.
        maximise: the column of the training's result, such as an accuracy, or several columns
            joined by ``+``: one for each training, of which the mean is the result.
        minimise: the column of the cost that is known without training.
        seconds: the column of the training time in seconds; None if there is none. Samplers may
            ask for further columns of numbers as scores.

    Raises:
        TableError: the file cannot be read or is no such table; the message has the place.
    """
    results = [column.strip() for column in maximise.split("+")]
    named = [*choices, *results, minimise, *([seconds] if seconds else [])]
    repeated = [name for name in named if named.count(name) > 1]
    if repeated:
        raise TableError(f"{path}: column {repeated[0]!r} is named for two things")
    cells = read_cells(path)
    rows = _choice_rows(cells, choices)
    name = path.name.removesuffix(".gz").removesuffix(".csv")
    trainings = np.stack([cells.numbers(column) for column in results], axis=1)
    return BenchmarkTable(
        name,
        rows=rows,
        space=space_of_rows(name, choices, in_order(rows)),
        maximised=trainings.mean(axis=1),
        minimised=cells.numbers(minimise),
        maximised_name=maximise if len(results) == 1 else f"the mean of {maximise}",
        minimised_name=minimise,
        seconds=cells.numbers(seconds) if seconds else None,
        scores=_ColumnScores(path, rows),
        trainings=trainings,
    )


class _ColumnScores:
    """A source of scores: further columns of numbers, by their names.

    A column is read from the file when it is asked for, so that only those used are sent to other
    processes.
    """

    def __init__(self, path: Path, rows: Sequence[tuple[str, ...]]) -> None:
        self._path, self._rows = path, rows
        self._read: dict[str, list[float]] = {}

    def __call__(self, names: Sequence[str]) -> _Columns:
        if not self._read.keys() >= set(names):
            cells = read_cells(self._path)
            self._read |= {name: cells.numbers(name).tolist() for name in names}
        columns = [self._read[name] for name in names]
        figures = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        return _Columns(tuple(names), dict(zip(self._rows, figures, strict=True)))


class _Columns(NamedTuple):
    """Some columns, by row: a :class:`nas.samplers.prior_scores.PriorScores`."""

    names: tuple[str, ...]
    by_row: Mapping[tuple[str, ...], Mapping[str, float]]

    def of(self, architecture: tuple[str, ...]) -> Mapping[str, float]:
        """Return a row's figures by name."""
        return self.by_row[architecture]


def read_cells(path: Path) -> Cells:
    """Read the text of a CSV file.

    Raises:
        TableError: there is no such file; it is not gzip or UTF-8, is empty, or is over
            ``MOST_BYTES``, ``MOST_ROWS`` or ``MOST_CELLS``; a column is repeated; or a row's length
            is not the header's.
    """
    if not path.name.lower().endswith((".csv", ".csv.gz")):
        raise TableError(f"{path}: must end in .csv or .csv.gz")
    try:
        text = read_bounded(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(f"{path}: is not UTF-8 text: {error}") from error
    if max(text.count("\n"), text.count("\r")) > MOST_ROWS:
        raise TableError(f"{path}: has over {MOST_ROWS:,} lines")
    if text.count(",") > MOST_CELLS:
        raise TableError(f"{path}: has over {MOST_CELLS:,} cells")
    lines = io.StringIO(text, newline="").readlines()  # splitlines would split cells
    head = next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))
    reader = csv.reader(lines[head:], strict=True)
    try:
        numbered = [(head + reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise TableError(f"{path} line {head + reader.line_num}: {error}") from error
    if len(numbered) < 2:
        raise TableError(f"{path}: needs a header and rows, got {len(numbered)} lines")
    header = [name.strip() for name in numbered[0][1]]
    repeated = [name for name in header if header.count(name) > 1]
    if repeated:
        raise TableError(f"{path}: there are several columns {repeated[0]!r}")
    for line, row in numbered[1:]:
        if len(row) != len(header):
            raise TableError(f"{path} line {line}: must have {len(header)} cells, got {len(row)}")
    return Cells(
        path,
        header,
        rows=[row for _, row in numbered[1:]],
        lines=[line for line, _ in numbered[1:]],
        comments=[line.removeprefix("#").strip() for line in lines[:head]],
    )


def read_bounded(path: Path) -> bytes:
    """Read a table's file, decompressed if its name ends in ``.gz``.

    Raises:
        TableError: it cannot be read, or is over ``MOST_BYTES``; no more than that is decompressed.
    """
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opened(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error, ValueError) as error:  # gzip.BadGzipFile is an OSError
        raise TableError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > MOST_BYTES:
        raise TableError(f"{path}: holds over {MOST_BYTES:,} bytes")
    return bytes(content)


def _choice_rows(cells: Cells, choices: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the categorical columns' values by row; refuse two equal rows."""
    if not choices:
        raise TableError(f"{cells.path}: needs a categorical column or more")
    rows = list(zip(*(cells.column(name) for name in choices), strict=True))
    first: dict[tuple[str, ...], int] = {}
    for row, line in zip(rows, cells.lines, strict=True):
        if row in first:
            named = ", ".join(f"{c}={v}" for c, v in zip(choices, row, strict=True))
            raise TableError(
                f"{cells.path} line {line}: has the same choices as line {first[row]}, {named}"
            )
        first[row] = line
    return rows
