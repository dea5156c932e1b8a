"""The growth of the front: hypervolume against trials, and against device-hours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.page.axes import axis, layout, percent_axis
from analysis.page.section import Figure, KeyEntry, Section
from analysis.plot_style import PALETTE
from analysis.report.merged import groups
from analysis.report.run_data import ACCURACY, ReportRun
from nas.metrics import METRICS

Curve = tuple[np.ndarray, np.ndarray]  # steps at these places [N], to these shares [N]

POINTS = 120
"""Places at which the curves of several runs are averaged."""

LEVEL = 0.95
"""The level of the intervals that the bands show."""


def hypervolume_section(runs: Sequence[ReportRun]) -> Section:
    """Return the section; runs that differ in their seeds alone are a mean and a band."""
    grouped = groups(runs)
    box = _box(runs)
    figures: dict[str, Figure] = {}
    for name, label, places in (
        ("hypervolume-trials", "finished trials", _trials),
        ("hypervolume-hours", "device-hours", _hours),
    ):
        traces: list[dict[str, Any]] = []
        for index, group in enumerate(grouped.values()):
            curves = [(places(run), _shares(run, box)) for run in group if run.finished_trials]
            traces += _traces(curves, PALETTE[index % len(PALETTE)])
        x = axis(label, rangemode="tozero")
        y = percent_axis("hypervolume", range=[0, 1.02])
        figures[name] = {"data": traces, "layout": layout(x, y, hovermode="closest")}
    forms = ("band" if len(group) > 1 else "line" for group in grouped.values())
    key = [
        KeyEntry(name, PALETTE[index % len(PALETTE)], form)
        for index, (name, form) in enumerate(zip(grouped, forms, strict=True))
    ]
    return Section(
        "hypervolume",
        "How the front grew",
        "report/templates/hypervolume.html",
        {
            "accuracy": runs[0].names[ACCURACY].label,
            "cost": METRICS[runs[0].cost].label,
            "key": key if len(runs) > 1 else [],
            "has_band": any(len(group) > 1 for group in grouped.values()),
        },
        figures,
    )


def _box(runs: Sequence[ReportRun]) -> tuple[float, float, float, float]:
    """Return the worst and best accuracy, and the highest and lowest cost, over all runs."""
    accuracies = [row.metrics[ACCURACY] for run in runs for row in run.finished_trials]
    costs = [row.metrics[run.cost] for run in runs for row in run.finished_trials]
    return min(accuracies), max(accuracies), max(costs), min(costs)


def _shares(run: ReportRun, box: tuple[float, float, float, float]) -> np.ndarray:
    """Return the dominated share of the box after each trial, by accuracies as found: ``[N]``."""
    worst, best, most, least = box
    area = (best - worst) * (most - least)
    stairs: list[tuple[float, float]] = []  # cost ascending, accuracy ascending
    shares = []
    for row in run.finished_trials:
        point = (row.metrics[run.cost], row.metrics[ACCURACY])
        if not any(cost <= point[0] and accuracy >= point[1] for cost, accuracy in stairs):
            stairs = sorted(
                [s for s in stairs if not (s[0] >= point[0] and s[1] <= point[1])] + [point]
            )
        ends = [cost for cost, _ in stairs[1:]] + [most]
        pairs = zip(stairs, ends, strict=True)
        covered = sum((end - cost) * (accuracy - worst) for (cost, accuracy), end in pairs)
        shares.append(covered / area if area else 1.0)
    return np.array(shares)


def _trials(run: ReportRun) -> np.ndarray:
    return np.arange(1, len(run.finished_trials) + 1, dtype=float)


def _hours(run: ReportRun) -> np.ndarray:
    """Return the device-hours that all trials had taken when each finished one ended: ``[N]``."""
    ended = run.ended_trials
    hours = np.cumsum([row.spent_seconds for row in ended]) / 3600
    return hours[[row.state == "complete" for row in ended]]


def _traces(curves: Sequence[Curve], colour: str) -> list[dict[str, Any]]:
    line = {"color": colour, "width": 2}
    if len(curves) == 1:
        (x, y) = curves[0]
        steps = {"x": _rounded(x), "y": _rounded(y), "line": line | {"shape": "hv"}}
        return [{"type": "scatter", "mode": "lines", "hovertemplate": HOVER, **steps}]
    from scipy import stats  # noqa: PLC0415 (slow to import)

    ends = min(float(x[-1]) for x, _ in curves)
    begin = max(float(x[0]) for x, _ in curves)
    places = np.linspace(begin, max(begin, ends), POINTS)
    values = np.array([y[np.searchsorted(x, places, side="right") - 1] for x, y in curves])
    n = len(curves)
    quantile = float(stats.t.ppf((1 + LEVEL) / 2, n - 1))
    mean, reach = values.mean(axis=0), quantile * values.std(axis=0, ddof=1) / n**0.5
    outline = [*_rounded(mean + reach), *_rounded(mean - reach)[::-1]]
    band = {
        "type": "scatter",
        "x": [*_rounded(places), *_rounded(places)[::-1]],
        "y": outline,
        "fill": "toself",
        "fillcolor": colour,
        "opacity": 0.18,
        "line": {"width": 0},
        "hoverinfo": "skip",
    }
    drawn = {"x": _rounded(places), "y": _rounded(mean), "line": line}
    return [band, {"type": "scatter", "mode": "lines", "hovertemplate": HOVER, **drawn}]


HOVER = "%{y:.1%} at %{x:.4g}<extra></extra>"


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.5g}") for value in values]
