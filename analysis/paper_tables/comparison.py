"""A paper's table beside what this project counts, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase
from typing import NamedTuple

from analysis.paper_tables.counted_costs import Counted, counted
from analysis.paper_tables.figure import CostName, Figure
from analysis.paper_tables.footnotes import Cause, Difference, cause_of
from analysis.paper_tables.printed_tables import PrintedRow, PrintedTable, printed_table

SPOKEN: dict[CostName, str] = {"memory": "memory", "params": "params", "flops_paper": "FLOPs"}


class ComparedRow(NamedTuple):
    """A row as printed and as counted."""

    printed: PrintedRow
    counted: Counted | None
    figures: dict[CostName, Figure]  # costs that are both printed and counted
    footnotes: dict[CostName, str]  # the letters of those that differ

    @property
    def verdict(self) -> str | None:
        """A verdict such as ``matches`` or ``FLOPs: footnote a``; None with nothing to compare."""
        if not self.figures:
            return None
        differing = [
            f"{SPOKEN[cost]}: footnote {letter}" for cost, letter in self.footnotes.items()
        ]
        cut = [SPOKEN[cost] for cost, figure in self.figures.items() if _is_cut(figure)]
        note = f" ({', '.join(cut)} truncated)" if cut else ""
        return f"{'; '.join(differing) or 'matches'}{note}"

    @property
    def flops_as_the_paper(self) -> int | None:
        """The FLOPs as AACN seems to count them, where it prints them."""
        if self.counted is None or "flops_paper" not in self.figures:
            return None
        return self.counted.flops_as_the_paper


class ComparedTable(NamedTuple):
    """A table, with the footnotes of its rows by letter."""

    printed: PrintedTable
    rows: tuple[ComparedRow, ...]
    footnotes: dict[str, str]


class Tally(NamedTuple):
    """Numbers of rows with a cost that is both printed and counted."""

    compared: int
    matching: int
    footnoted: dict[str, list[str]]  # names of the rows that have footnotes, by table


class Summary(NamedTuple):
    """The tallies over tables: of rows printed in the paper, and from a secondary source."""

    paper: Tally
    secondary: Tally


def compared_table(key: str) -> ComparedTable:
    """Return the table of this key (see :mod:`analysis.paper_tables.catalogue`).

    Raises:
        KeyError: no such table.
    """
    table = printed_table(key)
    rows = [_compared(row) for row in table.rows]
    by_cause: dict[Cause, list[Difference]] = {}
    for row in rows:
        for difference in _differences(row):
            by_cause.setdefault(cause_of(difference), []).append(difference)
    letters = dict(zip(by_cause, ascii_lowercase, strict=False))
    return ComparedTable(
        table,
        tuple(
            row._replace(
                footnotes={d.figure.unit.cost: letters[cause_of(d)] for d in _differences(row)}
            )
            for row in rows
        ),
        {letters[cause]: cause(differences, table) for cause, differences in by_cause.items()},
    )


def summary_of(tables: Sequence[ComparedTable]) -> Summary:
    """Tally the rows that match and those that do not, by where their figures come from."""
    return Summary(_tally(tables, is_secondary=False), _tally(tables, is_secondary=True))


def _tally(tables: Sequence[ComparedTable], *, is_secondary: bool) -> Tally:
    compared = matching = 0
    footnoted = {}
    for table in tables:
        rows = [row for row in table.rows if row.figures]
        rows = [row for row in rows if row.printed.is_secondary == is_secondary]
        names = [row.printed.name for row in rows if row.footnotes]
        compared += len(rows)
        matching += len(rows) - len(names)
        if names:
            footnoted[table.printed.key] = names
    return Tally(compared, matching, footnoted)


def _compared(row: PrintedRow) -> ComparedRow:
    network_counts = counted(row)
    figures = {
        cost: Figure(printed, network_counts.costs[cost])
        for cost, printed in row.costs.items()
        if network_counts
    }
    return ComparedRow(row, network_counts, figures, {})


def _differences(row: ComparedRow) -> list[Difference]:
    if row.counted is None:
        return []
    return [
        Difference(row.printed, row.counted, figure)
        for figure in row.figures.values()
        if figure.verdict == "differs"
    ]


def _is_cut(figure: Figure) -> bool:
    return figure.verdict == "truncated"
