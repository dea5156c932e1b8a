"""The papers' tables beside the counts, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from analysis.paper_tables.comparison import SPOKEN, ComparedRow, ComparedTable, Summary
from analysis.paper_tables.figure import UNITS, CostName, Unit

TABLE_COLUMNS = 160
"""The widest that a table is; with so much room none loses anything."""

SECONDARY_MARK = "*"
LEFT_JUSTIFIED = ("row", "network", "verdict")
RESULT_HEADINGS = {
    "top1_percent": "top-1\n%",
    "top5_percent": "top-5\n%",
    "top1_at_25.6m_params_percent": "top-1 %\nat\n25.6 M",
    "inference_latency_increase_percent": "infer.\nlatency\n+%",
    "training_latency_increase_percent": "train\nlatency\n+%",
    "map_percent": "mAP\n%",
    "map50_percent": "mAP 50\n%",
    "map75_percent": "mAP 75\n%",
    "map_small_percent": "mAP s\n%",
    "map_medium_percent": "mAP m\n%",
    "map_large_percent": "mAP l\n%",
}

Cells = dict[str, str]
"""The cells of a line by column, in the columns' order."""

TableUnits = dict[CostName, Unit | None]
"""The unit of each cost in a table; None where its rows differ, and so say it themselves."""


def shown_table(compared: ComparedTable) -> Group:
    """Return title and source, the rows, the footnotes. Columns without entries are left out."""
    entry = compared.printed.entry
    title = Text.assemble(
        (f"{entry.paper.short} Table {entry.number}: {entry.caption}", "bold"),
        (f"  ({entry.paper.authors}, arXiv {entry.paper.arxiv_id})", "dim"),
    )
    units = _units(compared)
    lines = [line for row in compared.rows for line in _lines(row, units)]
    columns = [column for column in lines[0] if any(line.get(column) for line in lines)]
    rows = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    for column in columns:
        rows.add_column(
            _heading(column, units),
            justify="left" if column in LEFT_JUSTIFIED else "right",
            no_wrap=column != "verdict",
        )
    for line in lines:
        matches = line.get("verdict", "").startswith("matches")
        styles = {"verdict": "green" if matches else "yellow"}
        rows.add_row(
            *(Text(line.get(column, ""), style=styles.get(column, "")) for column in columns),
            style=None if "network" in line else "dim",
        )
    footnotes = Table.grid(padding=(0, 1, 0, 0))
    for letter, text in compared.footnotes.items():
        footnotes.add_row(letter, Text(text))
    notes = [Text(entry.note)] if entry.note else []
    return Group(title, rows, *notes, *([footnotes] if compared.footnotes else []), "")


def shown_ending(tables: Sequence[ComparedTable], summary: Summary) -> Group:
    """Explain the marks, and say how many rows match and which have footnotes."""
    lines = []
    if any(row.printed.is_secondary for table in tables for row in table.rows):
        lines.append(f"{SECONDARY_MARK} from a secondary source, not checked against the paper")
    paper, secondary = summary
    if paper.compared or secondary.compared:
        lines.append(
            "Parameters and memory match where the count rounds, or else truncates, to the printed "
            "digits; FLOPs (2 x MACs) where it is within one unit of the last printed digit."
        )
        sums = [f"{paper.matching} of {paper.compared} rows printed in the paper match"]
        if secondary.compared:
            sums.append(f"from a secondary source: {secondary.matching} of {secondary.compared}")
        lines.append(f"{'; '.join(sums)}.")
    marked = {
        key: [f"{name} {SECONDARY_MARK}" for name in names]
        for key, names in secondary.footnoted.items()
    }
    footnoted = {
        key: [*paper.footnoted.get(key, []), *marked.get(key, [])]
        for key in (table.printed.key for table in tables)
    }
    each = [f"  {key}: {'; '.join(names)}" for key, names in footnoted.items() if names]
    if each:
        lines += ["These have footnotes:", *each]
    return Group(*map(Text, lines))


def _units(compared: ComparedTable) -> TableUnits:
    # Counts are shown in these where the paper prints nothing; parameters are shown exactly.
    units: TableUnits = {"memory": None, "params": None, "flops_paper": UNITS["gflops"]}
    for cost in units:
        printed = {
            row.printed.costs[cost].unit for row in compared.rows if cost in row.printed.costs
        }
        if printed:
            units[cost] = printed.pop() if len(printed) == 1 else None
    return units


def _lines(row: ComparedRow, units: TableUnits) -> list[Cells]:
    """Return the row; below it its FLOPs as the paper seems to count, if they are counted so."""
    mark = f" {SECONDARY_MARK}" if row.printed.is_secondary else ""
    first = {"row": row.printed.name + mark, "network": row.printed.network or ""}
    for cost in SPOKEN:
        first |= _cost_cells(row, cost, units[cost])
    first |= row.printed.results | {"verdict": row.verdict or ""}
    count = row.flops_as_the_paper
    if count is None or "flops_paper" not in row.footnotes:
        return [first]
    figure = row.figures["flops_paper"]
    second = {
        "row": f"  counted as in {row.footnotes['flops_paper']}",
        "flops_paper counted": figure.unit.shown(count),
        "flops_paper diff.": figure.shown_difference(count),
    }
    return [first, second]


def _cost_cells(row: ComparedRow, cost: CostName, table_unit: Unit | None) -> Cells:
    printed, figure = row.printed.costs.get(cost), row.figures.get(cost)
    count = row.counted.costs.get(cost) if row.counted else None
    unit = printed.unit if printed else table_unit
    symbol = f" {unit.symbol}" if unit and not table_unit else ""
    counted = ""
    if count is not None and cost == "params":
        counted = f"{count:,}"  # exactly, whatever the paper's unit
    elif count is not None and unit:
        counted = unit.shown(count) + symbol
    return {
        f"{cost} paper": f"{printed.value:f}{symbol}" if printed else "",
        f"{cost} counted": counted,
        f"{cost} diff.": figure.shown_difference(figure.counted) if figure else "",
    }


def _heading(column: str, units: TableUnits) -> str:
    """Return such as ``params``, ``M`` and ``diff.`` below each other."""
    cost, _, kind = column.partition(" ")
    for name, unit in units.items():
        if name == cost:
            is_exact = name == "params" and kind == "counted"
            return f"{SPOKEN[name]}\n{'' if is_exact or not unit else unit.symbol}\n{kind}"
    return RESULT_HEADINGS.get(column, column)
