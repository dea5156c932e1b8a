"""The papers' networks on the runs' data set, beside those that were trained in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from analysis.page.axes import INK, layout, log_axis, percent_axis
from analysis.page.section import Figure, KeyEntry, Section
from analysis.paper_tables.catalogue import CATALOGUE
from analysis.paper_tables.printed_tables import printed_table
from analysis.plot_style import PALETTE
from analysis.report.run_data import ReportRun
from analysis.trace.published import ON_HELD_OUT, published_points, source_of
from nas.metrics import METRICS

ALL = "networks"


def papers_section(runs: Sequence[ReportRun]) -> Section | None:
    """Return the section; None where no table of the papers is of the runs' data set."""
    cost = "macs" if runs[0].cost == "macs" else "params"
    printed = list(_printed(runs[0].config.data.name, cost))
    if not printed:
        return None
    own = [row for run in runs for row in run.retrained if row["test_accuracy"] is not None]
    return Section(
        "papers",
        "Beside the papers' networks",
        "report/templates/papers.html",
        {
            "key": [
                *(KeyEntry(source, colour, "ring") for source, colour, _ in printed),
                *([KeyEntry("trained in full here", INK, "circle")] if own else []),
            ],
            "has_own": bool(own),
        },
        {"papers-figure": _figure(printed, own, cost)},
    )


def _printed(dataset: str, cost: str) -> Iterator[tuple[str, str, list[Any]]]:
    """Yield the tables of a data set: source, colour, and the rows with this cost."""
    keys = [
        key
        for key, entry in CATALOGUE.items()
        if entry.dataset == dataset and key not in ON_HELD_OUT
    ]
    for key in keys:
        networks = [row.network for row in printed_table(key).rows if row.network]
        points = [p for p in published_points(key, {ALL: networks}, {}) if cost in p.costs]
        if points:
            yield source_of(key), PALETTE[keys.index(key) % len(PALETTE)], points


def _figure(printed: Sequence[tuple[str, str, list[Any]]], own: Sequence[Any], cost: str) -> Figure:
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [point.costs[cost] for point in points],
            "y": [point.accuracy for point in points],
            "customdata": [point.row for point in points],
            "hovertemplate": "<b>%{customdata}</b><br>%{y:.1%}, %{x:.3s}<extra></extra>",
            "marker": {"color": colour, "size": 9, "symbol": "circle-open"},
        }
        for _, colour, points in printed
    ]
    if own:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": [row[cost] for row in own],
                "y": [row["test_accuracy"] for row in own],
                "customdata": [row["arch_id"] for row in own],
                "hovertemplate": "<b>%{customdata}</b><br>%{y:.2%}, %{x:.3s}<extra></extra>",
                "marker": {"color": INK, "size": 9},
            }
        )
    x = log_axis(METRICS[cost].axis_label, [value for trace in traces for value in trace["x"]])
    return {"data": traces, "layout": layout(x, percent_axis("test accuracy"), hovermode="closest")}
