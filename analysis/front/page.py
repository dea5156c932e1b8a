"""A front as an interactive page, readable on a phone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from math import log10
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.composition import kinds_among, label_of, share_title
from analysis.front.beside import Beside
from analysis.front.drawn import Drawn, drawn
from analysis.front.member_strip import blocks, column_limits, stage_count
from analysis.page_template import colour_key, page_html
from analysis.plot_style import (
    BESIDE,
    FAINT_INK,
    FRONT,
    GRID,
    INK,
    MARKINGS,
    MEMBER_AS_FOUND,
    kind_colours,
    log_limits,
    log_ticks,
    marking_of,
)
from nas.atomic_write import replace_file
from nas.metrics import METRICS
from nas.quantities import format_quantity
from nas.storage.accuracy_text import accuracy_text
from nas.storage.candidates import Candidate

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

STRIP_PIXELS, STAGE_PIXELS = 40, 18  # of height, of the strip without stages and of one
FRONT_PIXELS = 470


def plot_front_html(
    path: Path | str,
    candidates: Iterable[Candidate],
    members: Iterable[Candidate],
    *,
    x: str,
    y: str,
    knee: Candidate | None,
    title: str,
    beside: Iterable[Beside] = (),
) -> None:
    """Draw all candidates and their front as a page that loads no other file.

    Pointing at a candidate shows what it is. Arguments and errors are those of
    :func:`analysis.front.picture.plot_front_png`.
    """
    picture = drawn(candidates, members, x, y, beside)
    figure = _figure(picture, knee)
    notes = picture.notes(knee)
    if picture.below:
        notes.append("A double click on the picture shows all.")
    plot = figure.to_html(
        full_html=False,
        include_plotlyjs=True,
        config={"displayModeBar": False, "responsive": True},
    )
    colours = kind_colours(kinds_among(picture.front))
    key = colour_key(
        "Each block of the members, stage by stage",
        {label_of(kind): colour for kind, colour in colours.items()},
    )
    page = page_html(title, notes, plot, key if picture.front else "")
    replace_file(path, page.encode())


def _figure(picture: Drawn, knee: Candidate | None) -> Figure:
    """Draw the candidates and the front, and under them the strip of the members' blocks."""
    import plotly.graph_objects as go  # noqa: PLC0415

    figure = go.Figure()
    _draw_candidates(figure, picture)
    _draw_front(figure, picture)
    _draw_beside(figure, picture)
    strip = STRIP_PIXELS + STAGE_PIXELS * stage_count(picture.front)
    share = strip / (strip + FRONT_PIXELS)
    low, high = log_limits(picture.costs)
    ticks = log_ticks(low, high)
    figure.update_layout(
        template="plotly_white",
        height=strip + FRONT_PIXELS + 90,
        font={"family": "system-ui, sans-serif", "color": INK},
        hoverlabel={"align": "left", "bgcolor": "white", "font": {"color": INK}},
        legend={
            "title": {"text": _legend_title(picture), "side": "top"},
            "orientation": "h",
            "y": 1.02,
            "yanchor": "bottom",
            "x": 0,
        },
        margin={"l": 60, "r": 15, "t": 10, "b": 30},
        xaxis={
            "type": "log",
            "range": [log10(low), log10(high)],
            "title": {"text": METRICS[picture.x].axis_label},
            # Plotly's own ticks on a log axis put each power of ten lower than the others.
            "tickvals": ticks,
            "ticktext": [format_quantity(tick) for tick in ticks],
            "gridcolor": GRID,
            "anchor": "y",
        },
        yaxis={
            "range": picture.limits_y(margin=0.06),
            "title": {"text": METRICS[picture.y].label},
            "tickformat": "~%",
            "gridcolor": GRID,
            "domain": [share + 0.13, 1],
        },
    )
    if picture.front:
        _draw_strip(figure, picture.front, knee, share)
    if knee is not None:
        figure.add_scatter(
            x=[knee.metrics[picture.x]],
            y=[knee.metrics[picture.y]],
            mode="markers",
            marker={"symbol": "circle-open", "size": 25, "color": INK, "line": {"width": 1.5}},
            name="knee",
            hoverinfo="skip",
        )
    return figure


def _legend_title(picture: Drawn) -> str:
    return (
        f"mark: {escape(share_title(picture.candidates))};<br>small ones are no members, as found"
    )


def _draw_candidates(figure: Figure, picture: Drawn) -> None:
    """Draw a mark for each candidate that is no member."""
    members = {member.arch_id for member in picture.front}
    others = [c for c in picture.candidates if c.arch_id not in members]
    for marking in MARKINGS:
        marked = picture.marked(others, marking)
        figure.add_scatter(
            x=[c.metrics[picture.x] for c in marked] if marked else [None],  # in the legend alone
            y=[c.metrics[picture.y] for c in marked] if marked else [None],
            mode="markers",
            name=marking.label,
            marker={"color": marking.colour, "symbol": marking.symbol, "size": 8, "opacity": 0.6},
            hovertext=[_hover(c) for c in marked],
            hoverinfo="text",
        )


def _draw_front(figure: Figure, picture: Drawn) -> None:
    """Draw stairs through the members that none dominates by value, and all members, numbered.

    Each has its error, and the accuracy that it was found with.
    """
    stairs = picture.staircase
    figure.add_scatter(
        x=[member.metrics[picture.x] for member in stairs],
        y=[member.metrics[picture.y] for member in stairs],
        mode="lines",
        name=FRONT,
        line={"color": INK, "width": 1.6, "shape": "hv"},
        hoverinfo="skip",
    )
    markings = [marking_of(member.architecture) for member in picture.front]
    figure.add_scatter(
        x=[member.metrics[picture.x] for member in picture.front],
        y=[member.metrics[picture.y] for member in picture.front],
        error_y={
            "array": [m.standard_error for m in picture.front],
            "color": INK,
            "thickness": 1.2,
            "width": 4,
        },
        mode="markers+text",
        text=[str(number) for number in range(1, len(picture.front) + 1)],
        textfont={"size": 9, "color": [INK if m.is_light else "white" for m in markings]},
        marker={
            "color": [marking.colour for marking in markings],
            "symbol": [marking.symbol for marking in markings],
            "size": 17,
            "line": {"color": INK, "width": 1},
        },
        hovertext=[_hover(member) for member in picture.front],
        hoverinfo="text",
        showlegend=False,
        zorder=1,
    )
    if picture.as_found:
        figure.add_scatter(
            x=[member.metrics[picture.x] for member, _ in picture.as_found],
            y=[accuracy for _, accuracy in picture.as_found],
            mode="markers",
            name=MEMBER_AS_FOUND,
            marker={"symbol": "circle-open", "color": FAINT_INK, "size": 6},
            hoverinfo="skip",
        )


def _draw_beside(figure: Figure, picture: Drawn) -> None:
    """Draw the networks beside the front, each with its error and name."""
    others = [each.candidate for each in picture.beside]
    if not others:
        return
    figure.add_scatter(
        x=[other.metrics[picture.x] for other in others],
        y=[other.metrics[picture.y] for other in others],
        error_y={
            "array": [other.standard_error for other in others],
            "color": INK,
            "thickness": 1.2,
            "width": 4,
        },
        mode="markers+text",
        text=[escape(each.label) for each in picture.beside],
        textposition="bottom right",
        name=BESIDE,
        marker={"symbol": "star-open", "color": INK, "size": 12},
        hovertext=[f"{escape(each.label)}<br>{_hover(each.candidate)}" for each in picture.beside],
        hoverinfo="text",
    )


def _draw_strip(
    figure: Figure, members: Sequence[Candidate], knee: Candidate | None, share: float
) -> None:
    """Draw the kinds of each member's blocks: a column for each member, a row for each stage."""
    colours = kind_colours(kinds_among(members))
    shapes: list[dict[str, Any]] = [
        {
            "type": "rect",
            "xref": "x2",
            "yref": "y2",
            "x0": block.left,
            "x1": block.left + block.width,
            "y0": block.bottom,
            "y1": block.bottom + block.height,
            "fillcolor": colours[block.kind],
            "line": {"color": "white", "width": 1},
        }
        for block in blocks(members)
    ]
    numbers = [
        f"<b>{n}</b>" if knee is not None and member.arch_id == knee.arch_id else str(n)
        for n, member in enumerate(members, start=1)
    ]
    stages = list(range(stage_count(members)))
    hidden = {"showgrid": False, "zeroline": False, "fixedrange": True}
    # Shapes alone do not make axes appear.
    nothing = {"opacity": 0, "showlegend": False, "hoverinfo": "skip"}
    figure.add_scatter(x=[0], y=[0], xaxis="x2", yaxis="y2", **nothing)
    figure.update_layout(
        shapes=shapes,
        xaxis2={
            **hidden,
            "range": column_limits(members),
            "anchor": "y2",
            "tickvals": list(range(len(members))),
            "ticktext": numbers,
        },
        yaxis2={
            **hidden,
            "domain": [0, share],
            "range": [len(stages) - 0.5, -0.5],
            "anchor": "x2",
            "tickvals": stages,
            "ticktext": [f"stage {stage + 1}" for stage in stages],
        },
    )


def _hover(candidate: Candidate) -> str:
    metrics = candidate.metrics
    stages = str(candidate.architecture).split(" | ")
    lines = [f"<b>{candidate.arch_id}</b>", *map(escape, stages)]
    share = marking_of(candidate.architecture).label
    lines.append(f"{share_title([candidate])}: {share}")
    if "val_accuracy" in metrics:
        lines.append(f"{METRICS['val_accuracy'].label} {accuracy_text(candidate)}")
        if candidate.is_fresh and candidate.as_found is not None:
            lines.append(f"as found {candidate.as_found:.2%}")
    costs = [f"{metrics[c]:,.0f} {METRICS[c].unit}" for c in ("params", "macs") if c in metrics]
    lines += [", ".join(costs)] if costs else []
    if "latency_ms" in metrics:
        latency = METRICS["latency_ms"]
        lines.append(f"{latency.label} {metrics[latency.name]:.3g} {latency.unit}")
    return "<br>".join(lines)
