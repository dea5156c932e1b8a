"""Tables from CSV files, plain or compressed by gzip: any benchmark's, or `nas tabulate`'s."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nas.benchmark.table import BenchmarkTable, TableError
from search_space.alternatives import Choice

COSTS = ("params", "macs", "activations")
"""Of a table that `nas tabulate` made."""

_ACCURACY = re.compile(r"val_accuracy_seed(?P<seed>\d+)")
_SECONDS = re.compile(r"train_seconds_seed(?P<seed>\d+)")
_CURVE = re.compile(r"val_accuracy_seed(?P<seed>\d+)_epoch(?P<epoch>\d+)")


class Cells(NamedTuple):
    """A CSV file's text: a header, and rows of as many cells."""

    path: Path
    header: list[str]
    rows: list[list[str]]
    lines: list[int]  # where each row stands in the file, from 1

    def column(self, name: str) -> list[str]:
        """The cells of a column.

        Raises:
            TableError: there is none of this name.
        """
        if name not in self.header:
            raise TableError(
                f"{self.path}: there is no column {name!r}; columns: {', '.join(self.header)}"
            )
        place = self.header.index(name)
        return [row[place] for row in self.rows]

    def numbers(self, name: str) -> np.ndarray:
        """A column of finite numbers.

        Raises:
            TableError: no such column, or a cell that is no such number, with its place.
        """
        found = []
        for cell, line in zip(self.column(name), self.lines, strict=True):
            try:
                number = float(cell)
            except ValueError:
                number = np.nan
            if not np.isfinite(number):
                raise TableError(
                    f"{self.path} line {line}, column {name}: must be a finite number, got {cell!r}"
                )
            found.append(number)
        return np.array(found)


def read_csv_table(
    path: Path,
    *,
    choices: Sequence[str],
    maximise: str,
    minimise: str,
    seconds: str | None = None,
) -> BenchmarkTable:
    """A table of one row an architecture.

    Args:
        path: a CSV with a header, ``.csv`` or ``.csv.gz``; lines with ``#`` at its head are left
            out.
        choices: its categorical columns; an empty cell is a choice of its own.
        maximise: the column of what training gives, such as an accuracy.
        minimise: the column of the cost that is known without training.
        seconds: the column of the seconds that a training takes; None if there is none.

    Raises:
        TableError: the file cannot be read or holds no such table; the message has the place.
    """
    named = [*choices, maximise, minimise, *([seconds] if seconds else [])]
    repeated = [name for name in named if named.count(name) > 1]
    if repeated:
        raise TableError(f"{path}: column {repeated[0]!r} is named for two things")
    cells = read_cells(path)
    rows = _choice_rows(cells, choices)
    return BenchmarkTable(
        path.name.removesuffix(".gz").removesuffix(".csv"),
        choices=choices,
        rows=rows,
        maximised=cells.numbers(maximise),
        minimised=cells.numbers(minimise),
        maximised_name=maximise,
        minimised_name=minimise,
        seconds=cells.numbers(seconds) if seconds else None,
    )


def read_tabulated(path: Path, *, minimise: str = "params") -> BenchmarkTable:
    """A table that `nas tabulate` made: accuracies, seconds and curves are means over its seeds.

    The choices are the columns before ``arch_id``; numbers are numbers, as in the space that was
    tabulated. Accuracies are fractions.

    Args:
        path: its file.
        minimise: the known cost, one of ``COSTS``.

    Raises:
        TableError: the file cannot be read or is not such a table; the message has the place.
    """
    cells = read_cells(path)
    if "arch_id" not in cells.header:
        raise TableError(f"{path}: no table of `nas tabulate`: there is no column 'arch_id'")
    if minimise not in COSTS:
        raise TableError(f"{path}: the cost must be one of {', '.join(COSTS)}, got {minimise!r}")
    choices = cells.header[: cells.header.index("arch_id")]
    accuracies = _of_seeds(cells, _ACCURACY)
    seconds = _of_seeds(cells, _SECONDS)
    epochs = sorted({int(m["epoch"]) for name in cells.header if (m := _CURVE.fullmatch(name))})
    curves = [
        np.mean([cells.numbers(f"{name}_epoch{epoch}") for name in accuracies], axis=0)
        for epoch in epochs
    ]
    return BenchmarkTable(
        path.name.removesuffix(".gz").removesuffix(".csv"),
        choices=choices,
        rows=[tuple(map(_as_number, row)) for row in _choice_rows(cells, choices)],
        maximised=np.mean([cells.numbers(name) for name in accuracies], axis=0),
        minimised=cells.numbers(minimise),
        maximised_name="val_accuracy",
        minimised_name=minimise,
        seconds=np.mean([cells.numbers(name) for name in seconds], axis=0),
        epochs=epochs,
        curves=np.stack(curves, axis=1) if curves else None,
    )


def read_cells(path: Path) -> Cells:
    """The text of a CSV file.

    Raises:
        TableError: no such file, not gzip or UTF-8 where it must be, empty, a repeated column, or
            a row of another length than the header.
    """
    if not path.name.lower().endswith((".csv", ".csv.gz")):
        raise TableError(f"{path}: must end in .csv or .csv.gz")
    try:
        content = path.read_bytes()
        if path.suffix.lower() == ".gz":
            content = gzip.decompress(content)
        text = content.decode("utf-8-sig")
    except (OSError, EOFError) as error:  # gzip.BadGzipFile is an OSError
        raise TableError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    except UnicodeDecodeError as error:
        raise TableError(f"{path}: is not UTF-8 text: {error}") from error
    lines = text.splitlines(keepends=True)
    head = next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))
    reader = csv.reader(lines[head:], strict=True)
    try:
        numbered = [(head + reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise TableError(f"{path} line {head + reader.line_num}: {error}") from error
    if len(numbered) < 2:
        raise TableError(f"{path}: needs a header and rows, got {len(numbered)} lines")
    header = numbered[0][1]
    repeated = [name for name in header if header.count(name) > 1]
    if repeated:
        raise TableError(f"{path}: there are several columns {repeated[0]!r}")
    for line, row in numbered[1:]:
        if len(row) != len(header):
            raise TableError(f"{path} line {line}: must have {len(header)} cells, got {len(row)}")
    return Cells(path, header, [row for _, row in numbered[1:]], [line for line, _ in numbered[1:]])


def _choice_rows(cells: Cells, choices: Sequence[str]) -> list[tuple[str, ...]]:
    """The categorical columns' values by row, no two the same."""
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


def _as_number(cell: str) -> Choice:
    """A whole or decimal number where the cell is one."""
    try:
        number = float(cell)
    except ValueError:
        return cell
    if not isfinite(number):
        return cell
    return int(number) if number.is_integer() else number


def _of_seeds(cells: Cells, pattern: re.Pattern[str]) -> list[str]:
    """The columns of a figure, one a seed."""
    found = [name for name in cells.header if pattern.fullmatch(name)]
    if not found:
        raise TableError(
            f"{cells.path}: no table of `nas tabulate`: no column is {pattern.pattern}"
        )
    return found
