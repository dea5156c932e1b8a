"""The papers' tables, read from one CSV file a table.

The files' columns are ``row`` (the paper's name), ``network`` (its name in the zoo, empty if there
is none), ``part`` (AACN Table 9: what of the network), the printed figures with units in their
names, and ``source``: ``paper`` where the figures are as printed in the paper, ``secondary`` where
they come from a secondary source and were not checked against the paper. A figure keeps the digits
that are printed: ``18.0`` has one decimal, and ``1.9e2`` is 190 with two significant digits.
"""

from __future__ import annotations

import csv
from decimal import Decimal
from importlib.resources import files
from typing import NamedTuple

from analysis.paper_tables.catalogue import CATALOGUE, TableEntry
from analysis.paper_tables.figure import UNITS, CostName, PrintedCost

NAMING = ("row", "network", "part", "source")


class PrintedRow(NamedTuple):
    """A row of a paper's table."""

    name: str
    network: str | None
    part: str  # empty for the whole network
    costs: dict[CostName, PrintedCost]
    results: dict[str, str]  # by column: accuracies and latencies, empty where none is printed
    is_secondary: bool


class PrintedTable(NamedTuple):
    """A paper's table."""

    key: str
    entry: TableEntry
    rows: tuple[PrintedRow, ...]


def printed_table(key: str) -> PrintedTable:
    """Return the table of this key.

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
        is_secondary=cells["source"] == "secondary",
    )
