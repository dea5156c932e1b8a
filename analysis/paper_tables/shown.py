"""The papers' tables beside the counts, for the terminal: 120 columns at most."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from analysis.paper_tables.compared import SPOKEN, ComparedRow, ComparedTable, Summary
from analysis.paper_tables.figure import UNITS, CostName, Unit

RECALLED_MARK = " *"
FLOPS_UNIT = UNITS["gflops"]  # where the paper prints no FLOPs
RESULT_HEADINGS = {
    "top1_percent": "top-1\n%",
    "top5_percent": "top-5\n%",
    "top1_at_25.6m_params_percent": "top-1 %\nat 25.6 M",
    "inference_latency_increase_percent": "inference\nlatency +%",
    "training_latency_increase_percent": "training\nlatency +%",
    "map_percent": "mAP\n%",
    "map50_percent": "mAP 50\n%",
    "map75_percent": "mAP 75\n%",
    "map_small_percent": "mAP s\n%",
    "map_medium_percent": "mAP m\n%",
    "map_large_percent": "mAP l\n%",
}
LEFT_JUSTIFIED = ("row", "network", "verdict")
VERDICT_COLUMNS = 12  # in which its longest word fits

Cells = dict[str, str]
"""By column, in the columns' order."""


def shown_table(compared: ComparedTable) -> Group:
    """Title and source, the rows, the footnotes. Columns without any entry are left out."""
    entry = compared.printed.entry
    title = Text.assemble(
        (f"{entry.paper.short} Table {entry.number}: {entry.caption}", "bold"),
        (f"  {entry.paper.title}, arXiv {entry.paper.arxiv_id}", "dim"),
    )
    units = {cost: _units(compared, cost) for cost in SPOKEN}
    lines = [line for row in compared.rows for line in _lines(row, units)]
    rows = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    columns = [name for name in lines[0] if any(line.get(name) for line in lines)]
    for name in columns:
        rows.add_column(
            _heading(name, units),
            justify="left" if name in LEFT_JUSTIFIED else "right",
            no_wrap=name != "verdict",
            min_width=VERDICT_COLUMNS if name == "verdict" else None,
        )
    for line in lines:
        rows.add_row(*(Text(line.get(name, "")) for name in columns), style=_style(line))
    notes = Table.grid(padding=(0, 1, 0, 0))
    for letter, text in {"": entry.note, **compared.footnotes}.items():
        if text:
            notes.add_row(letter, Text(text))
    return Group(title, rows, *([notes] if notes.rows else []), "")


def shown_ending(tables: Sequence[ComparedTable], summary: Summary) -> Group:
    """What the marks mean, how many rows match, and which have footnotes."""
    lines = []
    if any(row.printed.is_recalled for table in tables for row in table.rows):
        lines.append(f"{RECALLED_MARK.strip()} printed figures from memory, not verified")
    if summary.compared:
        lines += [
            "Parameters and memory match where the count rounds, or else truncates, to the printed "
            "digits; FLOPs (2 x MACs) where it is within one unit of the last printed digit.",
            f"{summary.matching} of {summary.compared} rows match; the others have footnotes"
            f"{':' if summary.footnoted else '.'}",
        ]
    for key, names in summary.footnoted.items():
        lines.append(f"  {key}: {', '.join(names)}")
    return Group(*map(Text, lines))


def _units(compared: ComparedTable, cost: CostName) -> list[Unit]:
    """Those that the paper prints a cost in, in this table."""
    printed = [UNITS[column] for row in compared.rows for column in row.printed.costs]
    return list(dict.fromkeys(unit for unit in printed if unit.cost == cost))


def _lines(row: ComparedRow, units: dict[CostName, list[Unit]]) -> list[Cells]:
    """The row, and below it, where there is such a count, its FLOPs as the paper seems to count."""
    network = row.printed.network or ""
    mark = RECALLED_MARK if row.printed.is_recalled else ""
    first: Cells = {"row": row.printed.name + mark, "network": network}
    for cost, found in units.items():
        first |= _cost_cells(row, cost, has_one_unit=len(found) == 1)
    first |= row.printed.results | {"verdict": row.verdict or ""}
    count = row.flops_as_the_paper
    if count is None or "flops" not in row.footnotes:
        return [first]
    figure = row.figures["flops"]
    second = {
        "row": f"  counted as in {row.footnotes['flops']}",
        "flops counted": figure.shown(count),
        "flops difference": figure.shown_difference(count),
    }
    return [first, second]


def _cost_cells(row: ComparedRow, cost: CostName, *, has_one_unit: bool) -> Cells:
    printed = next(
        ((UNITS[column], value) for column, value in row.printed.costs.items() if _is(column, cost)),
        None,
    )
    unit = printed[0] if printed else FLOPS_UNIT
    symbol = "" if has_one_unit else f" {unit.symbol}"
    count = row.counted.costs.get(cost) if row.counted else None
    figure = row.figures.get(cost)
    return {
        f"{cost} printed": f"{printed[1]:f}{symbol}" if printed else "",
        f"{cost} counted": "" if count is None else _count(count, cost, unit),
        f"{cost} difference": figure.shown_difference(figure.counted) if figure else "",
    }
