"""Every choice of every trial as parallel coordinates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import log10
from typing import Any

from analysis.page.axes import FAINT, INK
from analysis.page.section import Section
from analysis.plot_style import log_limits, log_ticks
from analysis.report.run_data import ACCURACY, ReportRun
from nas.evaluation.metric_names import MetricNames
from nas.metrics import METRICS
from nas.quantities import format_quantity

ABSENT = "absent"
"""Stands for a choice that an architecture does not have, as its type has another."""

MOST_AXES = 10
SCALE = [[0.0, "var(--edge)"], [0.5, "var(--mark-1)"], [1.0, "var(--accent)"]]


def choices_section(runs: Sequence[ReportRun]) -> Section | None:
    """Return the section; None where nothing varies or fewer than two trials finished."""
    rows = [
        (run.choices.get(row.number, {}), row.metrics[run.cost], row.metrics[ACCURACY])
        for run in runs
        for row in run.finished_trials
    ]
    chosen = [choices for choices, _, _ in rows]
    names = list(dict.fromkeys(name for choices in chosen for name in choices))
    varied = [name for name in names if len({_text(each, name) for each in chosen}) > 1]
    if len(rows) < 2 or not varied:
        return None
    # those that most trials have first: others belong to one type of a part
    kept = set(sorted(varied, key=lambda name: -sum(name in each for each in chosen))[:MOST_AXES])
    shown = [name for name in varied if name in kept]
    accuracies = [accuracy for _, _, accuracy in rows]
    dimensions = [_choice(name, chosen) for name in shown]
    dimensions += [_cost(runs[0].cost, [cost for _, cost, _ in rows])]
    dimensions.append(_accuracy(accuracies, runs[0].names))
    line = {"color": accuracies, "colorscale": SCALE}
    trace = {
        "type": "parcoords",
        "dimensions": dimensions,
        "line": line,
        "labelangle": -18,
        "labelside": "top",
        "labelfont": {"size": 11, "color": INK},
        "tickfont": {"size": 10, "color": INK},
        "rangefont": {"size": 10, "color": "rgba(0,0,0,0)"},
        "unselected": {"line": {"color": FAINT, "opacity": 0.08}},
    }
    layout = {
        "font": {"family": "system-ui, sans-serif"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 60, "r": 60, "t": 80, "b": 18},
    }
    return Section(
        "choices",
        "Choices",
        "report/templates/choices.html",
        {
            "n": len(rows),
            "left_out": [name for name in varied if name not in kept],
            "absent": ABSENT,
            "noun": runs[0].names.noun,
            "pixels": 90 * len(dimensions),
        },
        {"choices-figure": {"data": [trace], "layout": layout}},
    )


def _text(choices: Mapping[str, Any], name: str) -> str:
    return str(choices[name]) if name in choices else ABSENT


def _choice(name: str, chosen: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a dimension: the values in their order, with absence at the bottom."""
    values = {_text(each, name): each.get(name) for each in chosen}
    texts = sorted(values, key=lambda text: _order(text, values[text]))
    places = {text: place for place, text in enumerate(texts)}
    return {
        "label": escape(name),
        "values": [places[_text(each, name)] for each in chosen],
        "tickvals": list(places.values()),
        "ticktext": [escape(text) for text in texts],
        "range": [-0.3, len(texts) - 0.7],
    }


def _order(text: str, value: object) -> tuple[int, float, str]:
    if text == ABSENT:
        return 0, 0.0, ""
    if isinstance(value, int | float):
        return 1, float(value), ""
    return 2, 0.0, text


def _cost(cost: str, values: Sequence[float]) -> dict[str, Any]:
    low, high = log_limits(values)
    ticks = log_ticks(low, high)
    return {
        "label": METRICS[cost].label,
        "values": [log10(value) for value in values],
        "range": [log10(low), log10(high)],
        "tickvals": [log10(tick) for tick in ticks],
        "ticktext": [format_quantity(tick) for tick in ticks],
    }


def _accuracy(values: Sequence[float], names: MetricNames) -> dict[str, Any]:
    return {"label": names[ACCURACY].label, "values": list(values), "tickformat": ".0%"}
