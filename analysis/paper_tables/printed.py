"""What the papers print, read from one CSV file a table.

The files' columns are ``row`` (the paper's name), ``network`` (its name in the zoo, empty if there
is none), ``part`` (AACN Table 9: what of the network), the printed figures with units in their
names, and ``confidence``: ``sourced``, or ``recalled`` where a figure was written down from memory
and not verified against the paper. A figure keeps the digits that are printed: ``18.0`` has one
decimal, and ``1.9e2`` is 190 of which two digits count.
"""

from __future__ import annotations

import csv
from decimal import Decimal
from importlib.resources import files
from typing import NamedTuple

from analysis.paper_tables.catalogue import CATALOGUE, TableEntry
from analysis.paper_tables.figure import UNITS, CostName, PrintedCost

NAMING = ("row", "network", "part", "confidence")


class PrintedRow(NamedTuple):
    """A row of a paper's table."""

    name: str
    network: str | None
    part: str  # empty for the whole network
    costs: dict[CostName, PrintedCost]
    results: dict[str, str]  # by column: accuracies and latencies, empty where none is printed
    is_recalled: bool


class PrintedTable(NamedTuple):
    """A paper's table."""

    key: str
    entry: TableEntry
    rows: tuple[PrintedRow, ...]


def printed_table(key: str) -> PrintedTable:
    """The table of this key.

    Raises:
        KeyError: no such table.
    """
    entry = CATALOGUE[key]
    text = (files(__package__) / "as_printed" / f"{key}.csv").read_text(encoding="utf-8")
    return PrintedTable(key, entry, tuple(map(_row, csv.DictReader(text.splitlines()))))


def _row(cells: dict[str, str]) -> PrintedRow:
    figures = {column: cell for column, cell in cells.items() if column not in NAMING}
    return PrintedRow(
        name=cells["row"],
        network=cells["network"] or None,
        part=cells.get("part", ""),
        costs={
            UNITS[column].cost: PrintedCost(UNITS[column], Decimal(cell))
            for column, cell in figures.items()
            if column in UNITS and cell
        },
        results={column: cell for column, cell in figures.items() if column not in UNITS},
        is_recalled=cells["confidence"] == "recalled",
    )
