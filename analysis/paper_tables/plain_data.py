"""The papers' tables beside the counts, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.paper_tables.comparison import ComparedRow, ComparedTable, Summary
from analysis.paper_tables.figure import UNITS


def tables_data(tables: Sequence[ComparedTable], summary: Summary) -> dict[str, Any]:
    """Return all that the terminal shows; a column of costs ends in the unit of its figures."""
    return {
        "tables": [
            {
                "table": table.printed.key,
                "paper": table.printed.entry.paper.title,
                "authors": table.printed.entry.paper.authors,
                "arxiv_id": table.printed.entry.paper.arxiv_id,
                "number": table.printed.entry.number,
                "caption": table.printed.entry.caption,
                "note": table.printed.entry.note or None,
                "rows": [_row_data(row, table.footnotes) for row in table.rows],
            }
            for table in tables
        ],
        "summary": {
            source: {
                "rows_compared": tally.compared,
                "rows_matching": tally.matching,
                "rows_footnoted": tally.footnoted,
            }
            for source, tally in summary._asdict().items()
        },
    }


def _row_data(row: ComparedRow, footnotes: dict[str, str]) -> dict[str, Any]:
    counted = row.counted
    data: dict[str, Any] = {
        "row": row.printed.name,
        "network": row.printed.network,
        "part": row.printed.part or None,
        "arch_id": counted.arch_id if counted else None,
        "source": "secondary" if row.printed.is_secondary else "paper",
    }
    for column, unit in UNITS.items():
        printed = row.printed.costs.get(unit.cost)
        if printed is None or printed.unit is not unit:
            continue
        data[f"{column}_printed"] = float(printed.value)
        if figure := row.figures.get(unit.cost):
            data[f"{column}_difference"] = float(figure.difference(figure.counted))
            data[f"{unit.cost}_verdict"] = figure.verdict
            if unit.cost == "flops_paper" and (recount := row.flops_as_the_paper) is not None:
                data["flops_paper_as_the_paper_seems_to_count"] = recount
                data[f"{column}_difference_as_the_paper_seems_to_count"] = float(
                    figure.difference(recount)
                )
    if counted:
        names = {"memory": "memory_bytes", "params": "params", "flops_paper": "flops_paper"}
        data |= {names[cost]: count for cost, count in counted.costs.items()}
    for column, cell in row.printed.results.items():
        data[column] = float(cell) if cell else None
    data["verdict"] = row.verdict
    data["footnotes"] = {letter: footnotes[letter] for letter in row.footnotes.values()}
    return data
