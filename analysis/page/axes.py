"""Layouts and axes that all figures of pages share."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from typing import Any

from analysis.plot_style import log_limits, log_ticks
from nas.quantities import format_quantity

INK, FAINT, GRID, PAPER = "var(--ink)", "var(--faint)", "var(--grid)", "var(--paper)"


def layout(x: dict[str, Any], y: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the layout of a figure with one pair of axes; the page has the key and the title."""
    return {
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hoverlabel": {"align": "left", "bgcolor": PAPER, "font": {"color": INK}},
        "showlegend": False,
        "margin": {"l": 62, "r": 14, "t": 12, "b": 46},
        "xaxis": x,
        "yaxis": y,
        **more,
    }


def axis(title: str, **more: Any) -> dict[str, Any]:
    """Return a linear axis."""
    return {
        "title": {"text": title, "standoff": 8},
        "gridcolor": GRID,
        "zeroline": False,
        "linecolor": GRID,
        "automargin": True,
        **more,
    }


def percent_axis(title: str, **more: Any) -> dict[str, Any]:
    """Return an axis of fractions, in percent."""
    return axis(title, tickformat="~%", **more)


def log_axis(title: str, values: Sequence[float]) -> dict[str, Any]:
    """Return a logarithmic axis of costs; linear where there is none or one is not positive.

    Plotly's own ticks on a log axis put each power of ten lower than the others.
    """
    if not values or min(values) <= 0:
        return axis(title)
    low, high = log_limits(values)
    ticks = log_ticks(low, high)
    return axis(
        title,
        type="log",
        range=[log10(low), log10(high)],
        tickvals=ticks,
        ticktext=[format_quantity(tick) for tick in ticks],
    )
