"""The figure of a front on a page: candidates, members and what stands beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from analysis.composition import share_title
from analysis.front.drawn import Drawn
from analysis.page.axes import FAINT, INK, layout, log_axis, percent_axis
from analysis.page.section import Figure, KeyEntry
from analysis.plot_style import BESIDE, FRONT, MARKINGS, MEMBER_AS_FOUND, PALETTE, marking_of
from nas.storage.candidates import Candidate, front_by_value

Trace = dict[str, Any]

HOVER = "<b>%{customdata}</b><br>%{y:.2%}, %{x:.3s}<extra></extra>"

NEAR_EDGE = 0.15
"""The share of the axis of cost at either end where a label would not fit around its network."""


def front_figure(
    picture: Drawn, knee: Candidate | None, fronts: Mapping[str, Sequence[Candidate]]
) -> Figure:
    """Return the figure; its last trace marks the network that the keyboard is on.

    Args:
        picture: its contents.
        knee: the member that is circled.
        fronts: where several runs are shown, each one's own front by the run's name.
    """
    members = {member.arch_id for member in picture.front}
    others = [c for c in picture.candidates if c.arch_id not in members]
    traces = [
        _marked(picture, picture.marked(others, marking), f"var(--mark-{index})", marking.symbol)
        for index, marking in enumerate(MARKINGS)
    ]
    traces += [
        _stairs(picture, front_by_value(front, [picture.y, picture.x]), _colour(index), "dot")
        for index, front in enumerate(fronts.values())
    ]
    traces += [_stairs(picture, picture.staircase, INK, "solid"), _as_found(picture)]
    traces += [_beside(picture), _members(picture)]
    knees = [] if knee is None else [knee]
    traces += [_ring(picture, knees, 26, INK), _ring(picture, [], 32, "var(--accent)")]
    x = log_axis(picture.names[picture.x].axis_label, picture.costs)
    y = percent_axis(picture.names[picture.y].label, range=picture.limits_y(margin=0.06))
    return {
        "data": [trace for trace in traces[:-1] if trace["x"]] + traces[-1:],
        "layout": layout(x, y, hovermode="closest"),
    }


def front_key(
    picture: Drawn, knee: Candidate | None, fronts: Mapping[str, Sequence[Candidate]]
) -> tuple[str, list[KeyEntry]]:
    """Return what the marks tell apart, and the key of a front's figure."""
    entries = [
        KeyEntry(marking.label, f"var(--mark-{index})", marking.symbol)
        for index, marking in enumerate(MARKINGS)
        if picture.marked(picture.candidates, marking)
    ]
    entries.append(KeyEntry(FRONT, INK))
    entries += [
        KeyEntry(f"front of {name}", _colour(index), "dash") for index, name in enumerate(fronts)
    ]
    if picture.as_found:
        entries.append(KeyEntry(MEMBER_AS_FOUND, FAINT, "ring"))
    if knee is not None:
        entries.append(KeyEntry("knee", INK, "ring"))
    if picture.beside:
        entries.append(KeyEntry(BESIDE, INK, "star"))
    return share_title(picture.candidates), entries


def _colour(index: int) -> str:
    return PALETTE[index % len(PALETTE)]


def _points(picture: Drawn, candidates: Sequence[Candidate]) -> Trace:
    return {
        "type": "scatter",
        "x": [c.metrics[picture.x] for c in candidates],
        "y": [c.metrics[picture.y] for c in candidates],
    }


def _marked(picture: Drawn, candidates: Sequence[Candidate], colour: str, symbol: str) -> Trace:
    return _points(picture, candidates) | {
        "mode": "markers",
        "customdata": [c.arch_id for c in candidates],
        "hovertemplate": HOVER,
        "marker": {"color": colour, "symbol": symbol, "size": 8, "opacity": 0.7},
    }


def _stairs(picture: Drawn, members: Sequence[Candidate], colour: str, dash: str) -> Trace:
    return _points(picture, members) | {
        "mode": "lines",
        "line": {"color": colour, "width": 1.6, "shape": "hv", "dash": dash},
        "hoverinfo": "skip",
    }


def _errors(candidates: Sequence[Candidate]) -> Trace:
    errors = [c.standard_error for c in candidates]
    return {"array": errors, "color": INK, "thickness": 1.2, "width": 4}


def _members(picture: Drawn) -> Trace:
    marks = [MARKINGS.index(marking_of(member.architecture)) for member in picture.front]
    return _points(picture, picture.front) | {
        "mode": "markers+text",
        "customdata": [member.arch_id for member in picture.front],
        "hovertemplate": HOVER,
        "error_y": _errors(picture.front),
        "text": [str(number) for number in range(1, len(picture.front) + 1)],
        "textfont": {"size": 9, "color": [f"var(--on-mark-{mark})" for mark in marks]},
        "marker": {
            "color": [f"var(--mark-{mark})" for mark in marks],
            "symbol": [MARKINGS[mark].symbol for mark in marks],
            "size": 17,
            "line": {"color": INK, "width": 1},
        },
        "cliponaxis": False,
    }


def _as_found(picture: Drawn) -> Trace:
    members = [member for member, _ in picture.as_found]
    return _points(picture, members) | {
        "y": [accuracy for _, accuracy in picture.as_found],
        "mode": "markers",
        "marker": {"symbol": "circle-open", "color": FAINT, "size": 6},
        "hoverinfo": "skip",
    }


def _beside(picture: Drawn) -> Trace:
    others = [each.candidate for each in picture.beside]
    return _points(picture, others) | {
        "mode": "markers+text",
        "customdata": [each.arch_id for each in others],
        "hovertemplate": HOVER,
        "error_y": _errors(others),
        "text": [escape(each.label) for each in picture.beside],
        "textposition": [_label_side(picture, each) for each in others],
        "marker": {"symbol": "star-open", "color": INK, "size": 12},
    }


def _label_side(picture: Drawn, candidate: Candidate) -> str:
    """Return where a network's label stands: towards the middle, where it is not cut off."""
    least, most = math.log(min(picture.costs)), math.log(max(picture.costs))
    place = (math.log(candidate.metrics[picture.x]) - least) / (most - least or 1.0)
    if place < NEAR_EDGE:
        return "top right"
    return "top left" if place > 1 - NEAR_EDGE else "top center"


def _ring(picture: Drawn, candidates: Sequence[Candidate], size: int, colour: str) -> Trace:
    return _points(picture, candidates) | {
        "mode": "markers",
        "marker": {
            "symbol": "circle-open",
            "size": size,
            "color": colour,
            "line": {"width": 1.6 if colour == INK else 2.5},
        },
        "hoverinfo": "skip",
    }
