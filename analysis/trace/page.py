"""A trace as an interactive page, readable on a phone."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from math import log10
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.page_template import page_html
from analysis.plot_style import GRID, INK, PALETTE, log_limits, log_ticks
from analysis.trace.points import PublishedPoint, TracePoint, TraceResult
from analysis.trace.tables import cost_text
from nas.atomic_write import replace_file
from nas.quantities import format_quantity

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

PANEL_PIXELS = 430


def plot_trace_html(path: Path | str, result: TraceResult) -> None:
    """Draw a trace as a page that loads no other file; the panels stand under each other.

    Pointing at a network shows what it is.

    Args:
        path: the page to write; an existing file is replaced.
        result: with at least one point.

    Raises:
        OSError: ``path`` cannot be written.
    """
    plot = _figure(result).to_html(
        full_html=False,
        include_plotlyjs=True,
        config={"displayModeBar": False, "responsive": True},
    )
    replace_file(path, page_html(result.title, result.notes, plot, "").encode())


def _figure(result: TraceResult) -> Figure:
    from plotly.subplots import make_subplots  # noqa: PLC0415

    rows = len(result.axes)
    figure = make_subplots(rows=rows, cols=1, vertical_spacing=0.28 / rows)
    for row, axis in enumerate(result.axes, start=1):
        for index, family in enumerate(result.families):
            _draw_family(figure, result, family, axis, index, row)
        _scale(figure, result, axis, row)
    figure.update_layout(
        template="plotly_white",
        height=PANEL_PIXELS * rows + 60,
        font={"family": "system-ui, sans-serif", "color": INK},
        hoverlabel={"align": "left", "bgcolor": "white", "font": {"color": INK}},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        margin={"l": 60, "r": 15, "t": 10, "b": 40},
    )
    return figure


def _draw_family(
    figure: Figure, result: TraceResult, family: str, axis: str, index: int, row: int
) -> None:
    colour = PALETTE[index % len(PALETTE)]
    points = result.of_family(family, axis)
    if points:
        figure.add_scatter(
            x=[point.costs[axis] for point in points],
            y=[point.mean for point in points],
            error_y={
                "array": [point.standard_error or 0.0 for point in points],
                "thickness": 1.2,
                "width": 4,
            },
            mode="markers",
            name=escape(family),
            legendgroup=family,
            showlegend=row == 1,
            marker={"color": colour, "size": 9},
            hovertext=[_hover(point, result) for point in points],
            hoverinfo="text",
            row=row,
            col=1,
        )
        curve = result.curve(family, axis)
        figure.add_scatter(
            x=[point.costs[axis] for point in curve],
            y=[point.mean for point in curve],
            mode="lines",
            legendgroup=family,
            showlegend=False,
            line={"color": colour, "shape": "hv" if result.is_of_fronts else "linear"},
            hoverinfo="skip",
            row=row,
            col=1,
        )
    printed = result.published_of(family, axis)
    if printed:
        figure.add_scatter(
            x=[point.costs[axis] for point in printed],
            y=[point.accuracy for point in printed],
            mode="lines+markers",
            name=escape(f"{family}, {result.published_source}"),
            legendgroup=f"{family} published",
            showlegend=row == 1,
            line={"color": colour, "dash": "dash", "width": 1},
            marker={"color": colour, "size": 9, "symbol": "circle-open"},
            hovertext=[_hover_published(point, result) for point in printed],
            hoverinfo="text",
            row=row,
            col=1,
        )


def _scale(figure: Figure, result: TraceResult, axis: str, row: int) -> None:
    figure.update_yaxes(
        title_text=escape(result.accuracy_label), tickformat="~%", gridcolor=GRID, row=row, col=1
    )
    figure.update_xaxes(title_text=escape(result.label(axis)), gridcolor=GRID, row=row, col=1)
    values = result.values(axis)
    if axis == "own" or not values or min(values) <= 0:
        return
    low, high = log_limits(values)
    ticks = log_ticks(low, high)
    figure.update_xaxes(
        type="log",
        range=[log10(low), log10(high)],
        # Plotly's own ticks on a log axis put each power of ten lower than the others.
        tickvals=ticks,
        ticktext=[format_quantity(tick) for tick in ticks],
        row=row,
        col=1,
    )


def _hover(point: TracePoint, result: TraceResult) -> str:
    error = point.standard_error
    spread = "" if error is None else f" ± {100 * error:.2f}"
    lines = [
        f"<b>{escape(point.network)}</b> ({escape(point.family)})",
        f"{escape(result.accuracy_label)} {point.mean:.2%}{spread}, n = {point.n}",
        *_costs(point.costs, result),
        escape(point.description),
        point.arch_id + (f", found by {escape(point.found_by)}" if point.found_by else ""),
    ]
    return "<br>".join(lines)


def _hover_published(point: PublishedPoint, result: TraceResult) -> str:
    lines = [
        f"<b>{escape(point.row)}</b> ({escape(result.published_source)}, as printed)",
        f"{escape(result.accuracy_label)} {point.accuracy:.1%}",
        *_costs(point.costs, result),
    ]
    return "<br>".join(lines)


def _costs(costs: Mapping[str, float], result: TraceResult) -> list[str]:
    return [
        f"{escape(result.label(axis))}: {cost_text(costs[axis], axis)}"
        for axis in result.axes
        if axis in costs
    ]
