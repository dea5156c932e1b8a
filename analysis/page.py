"""A front as an interactive page."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from math import log10
from pathlib import Path

from analysis.appearance import (
    AXIS_LABELS,
    FAINT_INK,
    FAMILIES,
    FRONT,
    GRID,
    INK,
    UNITS,
    log_limits,
)
from analysis.drawn import drawn, of_family
from nas.front import Candidate
from nas.whole_file import replace_file


def plot_front_html(
    path: Path | str,
    candidates: Iterable[Candidate],
    members: Iterable[Candidate],
    *,
    x: str,
    y: str,
    knee: Candidate | None,
    title: str,
) -> None:
    """Draw all candidates and their front as a page that needs nothing but itself.

    Pointing at a candidate shows what it is. Arguments and errors are those of
    :func:`analysis.plot.plot_front_png`.
    """
    import plotly.graph_objects as go  # noqa: PLC0415

    picture = drawn(candidates, members, x, y)
    on_front = {member.arch_id for member in picture.front}
    figure = go.Figure()
    for name, marking in picture.markings().items():
        family = of_family(picture.candidates, name)
        family.sort(key=lambda c: c.arch_id in on_front)  # the front's are drawn over the others
        is_member = [c.arch_id in on_front for c in family]
        figure.add_scatter(
            x=[c.metrics[x] for c in family],
            y=[c.metrics[y] for c in family],
            mode="markers",
            name=escape(marking.label),
            marker={
                "color": marking.colour,
                "symbol": marking.symbol,
                "size": [11 if it_is else 8 for it_is in is_member],
                "opacity": [1.0 if it_is else 0.45 for it_is in is_member],
                "line": {"color": INK, "width": [1.2 if it_is else 0 for it_is in is_member]},
            },
            hovertext=[_hover(c) for c in family],
            hoverinfo="text",
            zorder=1,
        )
    figure.add_scatter(
        x=[member.metrics[x] for member in picture.front],
        y=[member.metrics[y] for member in picture.front],
        error_y={"array": [m.standard_error for m in picture.front], "thickness": 1.2, "width": 4},
        mode="lines",
        name=FRONT,
        line={"color": INK, "width": 1.6, "shape": "hv"},
        hoverinfo="skip",
    )
    low, high = log_limits(c.metrics[x] for c in picture.candidates)
    figure.update_layout(
        template="plotly_white",
        title={"text": escape(title), "x": 0.02, "xanchor": "left"},
        font={"family": "system-ui, sans-serif", "color": INK},
        hoverlabel={"align": "left", "bgcolor": "white", "font": {"color": INK}},
        legend={"title": {"text": FAMILIES}, "x": 1.02, "y": 1},
        margin={"l": 80, "r": 40, "t": 70, "b": 70},
    )
    figure.update_xaxes(
        type="log",
        range=[log10(low), log10(high)],
        title={"text": AXIS_LABELS[x]},
        tickformat="~g" if x == "latency_ms" else "~s",
        gridcolor=GRID,
    )
    figure.update_yaxes(
        range=picture.limits_y(margin=0.08),
        title={"text": AXIS_LABELS[y].removesuffix(", %")},
        tickformat="~%",
        gridcolor=GRID,
    )
    if picture.notes(knee):
        hint = " (double-click shows all)" if picture.below else ""
        figure.add_annotation(
            text="<br>".join(map(escape, picture.notes(knee))) + hint,
            x=1,
            y=0,
            xref="paper",
            yref="paper",
            xanchor="right",
            yanchor="bottom",
            showarrow=False,
            font={"color": FAINT_INK},
        )
    if knee is not None:
        figure.add_annotation(
            x=log10(knee.metrics[x]),
            y=knee.metrics[y],
            text=f"knee {knee.arch_id}",
            ax=-40,
            ay=-40,
            arrowcolor=INK,
            bgcolor="white",
        )
    page = figure.to_html(
        include_plotlyjs=True,
        default_height="95vh",
        config={"displaylogo": False, "responsive": True},
    )
    page = page.replace("<head>", f"<head><title>{escape(title)}</title>", 1)
    replace_file(path, page.encode())


def _hover(candidate: Candidate) -> str:
    metrics = candidate.metrics
    lines = [f"<b>{candidate.arch_id}</b>", escape(str(candidate.architecture))]
    if "val_accuracy" in metrics:
        error = candidate.standard_error
        uncertainty = "" if error is None else f" ± {100 * error:.2f}"
        lines.append(
            f"validation accuracy {100 * metrics['val_accuracy']:.2f}{uncertainty} % "
            f"(n={candidate.n})"
        )
    costs = [f"{metrics[c]:,.0f} {UNITS[c]}" for c in ("params", "macs") if c in metrics]
    lines += [", ".join(costs)] if costs else []
    lines += [f"latency {metrics['latency_ms']:.3g} ms"] if "latency_ms" in metrics else []
    return "<br>".join(lines)
