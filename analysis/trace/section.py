"""A trace as a section of a page: a figure for each axis, and a table of its networks."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from analysis.page.axes import layout, log_axis, percent_axis
from analysis.page.section import Figure, KeyEntry, Section
from analysis.plot_style import PALETTE
from analysis.trace.points import PublishedPoint, TracePoint, TraceResult
from analysis.trace.tables import cost_text

Trace = dict[str, Any]


def trace_section(result: TraceResult, title: str = "") -> Section:
    """Return the section; pointing at a mark shows which network it is."""
    figures = {f"trace-{axis}": _figure(result, axis) for axis in result.axes}
    return Section(
        "trace",
        title,
        "trace/templates/trace.html",
        {
            "notes": result.notes,
            "key": _key(result),
            "figures": {
                name: f"{result.accuracy_label} against {result.label(axis)}"
                for name, axis in zip(figures, result.axes, strict=True)
            },
            "accuracy": result.accuracy_label,
            "axes": [result.label(axis) for axis in result.axes],
            "rows": [_row(point, result) for point in result.points],
        },
        figures,
    )


def _figure(result: TraceResult, axis: str) -> Figure:
    traces: list[Trace] = []
    for family, colour in _colours(result):
        traces += _family(result, family, axis, colour)
    values = [] if axis == "own" else result.values(axis)
    x = log_axis(escape(result.label(axis)), values)
    y = percent_axis(escape(result.accuracy_label))
    return {"data": traces, "layout": layout(x, y, hovermode="closest")}


def _colours(result: TraceResult) -> Iterator[tuple[str, str]]:
    for index, family in enumerate(result.families):
        yield family, PALETTE[index % len(PALETTE)]


def _family(result: TraceResult, family: str, axis: str, colour: str) -> Iterator[Trace]:
    points, curve = result.of_family(family, axis), result.curve(family, axis)
    printed = result.published_of(family, axis)
    if points:
        yield {
            "type": "scatter",
            "x": [point.costs[axis] for point in curve],
            "y": [point.mean for point in curve],
            "mode": "lines",
            "line": {"color": colour, "shape": "hv" if result.is_of_fronts else "linear"},
            "hoverinfo": "skip",
        }
        yield {
            "type": "scatter",
            "x": [point.costs[axis] for point in points],
            "y": [point.mean for point in points],
            "error_y": {
                "array": [point.standard_error for point in points],
                "thickness": 1.2,
                "width": 4,
            },
            "mode": "markers",
            "marker": {"color": colour, "size": 9},
            "hovertext": [_hover(point, result) for point in points],
            "hoverinfo": "text",
        }
    if printed:
        yield {
            "type": "scatter",
            "x": [point.costs[axis] for point in printed],
            "y": [point.accuracy for point in printed],
            "mode": "lines+markers",
            "line": {"color": colour, "dash": "dash", "width": 1},
            "marker": {"color": colour, "size": 9, "symbol": "circle-open"},
            "hovertext": [_hover_published(point, result) for point in printed],
            "hoverinfo": "text",
        }


def _key(result: TraceResult) -> list[KeyEntry]:
    entries = []
    for family, colour in _colours(result):
        entries.append(KeyEntry(family, colour))
        if any(point.family == family for point in result.published):
            entries.append(KeyEntry(f"{family}, {result.published_source}", colour, "dash"))
    return entries


def _row(point: TracePoint, result: TraceResult) -> dict[str, Any]:
    return {
        "network": point.network,
        "family": point.family,
        "accuracy": f"{point.mean:.2%}{_spread(point)}",
        "n": point.n,
        "costs": [
            cost_text(point.costs[axis], axis) if axis in point.costs else ""
            for axis in result.axes
        ],
        "arch_id": point.arch_id,
        "found_by": point.found_by,
        "description": point.description,
    }


def _spread(point: TracePoint) -> str:
    error = point.standard_error
    return "" if error is None else f" ± {100 * error:.2f}"


def _hover(point: TracePoint, result: TraceResult) -> str:
    lines = [
        f"<b>{escape(point.network)}</b> ({escape(point.family)})",
        f"{point.mean:.2%}{_spread(point)}, n = {point.n}",
        point.arch_id + (f", found by {escape(point.found_by)}" if point.found_by else ""),
    ]
    return "<br>".join(lines)


def _hover_published(point: PublishedPoint, result: TraceResult) -> str:
    source = f"({escape(result.published_source)}, as printed)"
    return f"<b>{escape(point.row)}</b> {source}<br>{point.accuracy:.1%}"
