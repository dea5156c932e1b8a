"""A trace as tables: for a terminal, as Markdown, and as CSV."""

from __future__ import annotations

import csv
import io

from rich import box
from rich.table import Table

from analysis.markdown_table import markdown_table
from analysis.trace.points import TracePoint, TraceResult
from nas.metrics import METRICS
from nas.quantities import format_quantity

FRACTIONAL = ("own", "latency_ms", "device_seconds")
"""Axes whose values are not counts."""


def cost_text(value: float, axis: str) -> str:
    """Write a value on an axis, without its unit."""
    return f"{value:.4g}" if axis in FRACTIONAL else format_quantity(value)


def trace_table(result: TraceResult) -> Table:
    """Return the points for a terminal, by family."""
    table = Table(
        title=result.title,
        title_justify="left",
        caption="\n".join(result.notes),
        caption_justify="left",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("family")
    table.add_column("network")
    for heading in _headings(result):
        table.add_column(heading, justify="right", no_wrap=True)
    for family in result.families:
        for point in (p for p in result.points if p.family == family):
            table.add_row(family, point.network, *_cells(point, result))
        for printed in (p for p in result.published if p.family == family):
            costs = [_cost(printed.costs.get(axis), axis) for axis in result.axes]
            accuracy = f"{printed.accuracy:.1%}"
            table.add_row(family, f"{printed.row} ({result.published_source})", *costs, accuracy)
    return table


def trace_markdown(result: TraceResult) -> str:
    """Return the points as a Markdown table, after the title and before the notes."""
    rows = [[p.family, p.network, *_cells(p, result)] for p in result.points]
    for printed in result.published:
        costs = [_cost(printed.costs.get(axis), axis) for axis in result.axes]
        name = f"{printed.row} ({result.published_source})"
        rows.append([printed.family, name, *costs, f"{printed.accuracy:.1%}"])
    table = markdown_table(["family", "network", *_headings(result)], rows, texts=2)
    notes = (f"{note}  " for note in result.notes)
    return "\n".join([f"# {result.title}", "", *table, "", *notes]) + "\n"


def trace_csv(result: TraceResult) -> str:
    """Return the points as CSV: a row each, and the published ones with n 0."""
    columns = ["family", "network", "arch_id", *result.axes]
    accuracy = result.names.key(result.accuracy)
    columns += [accuracy, "standard_error", "n", "found_by", "source"]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    for point in result.points:
        row: dict[str, object] = {"family": point.family, "network": point.network}
        row["arch_id"] = point.arch_id
        row |= {axis: point.costs.get(axis, "") for axis in result.axes}
        error = point.standard_error
        row |= {accuracy: point.mean, "standard_error": "" if error is None else error}
        writer.writerow(row | {"n": point.n, "found_by": point.found_by, "source": "trained"})
    for printed in result.published:
        row = {"family": printed.family, "network": printed.row, "n": 0}
        row |= {axis: printed.costs.get(axis, "") for axis in result.axes}
        writer.writerow(row | {accuracy: printed.accuracy, "source": result.published_source})
    return text.getvalue()


def _headings(result: TraceResult) -> list[str]:
    costs = [result.own_axis if axis == "own" else METRICS[axis].heading for axis in result.axes]
    return [*costs, result.accuracy_label]


def _cells(point: TracePoint, result: TraceResult) -> list[str]:
    error = point.standard_error
    accuracy = f"{point.mean:.2%}" + ("" if error is None else f" ± {100 * error:.2f}")
    costs = [_cost(point.costs.get(axis), axis) for axis in result.axes]
    return [*costs, f"{accuracy} (n={point.n})"]


def _cost(value: float | None, axis: str) -> str:
    if value is None:
        return "-"
    return cost_text(value, axis)
