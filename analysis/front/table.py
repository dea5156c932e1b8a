"""A front as a table for the terminal, and as plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from analysis.front.queries import why_no_knee
from nas.metrics import METRICS, PEAK_MEMORY
from nas.quantities import format_quantity
from nas.storage.accuracy_text import accuracy_json
from nas.storage.candidates import Candidate, front_by_value

KNEE_MARK = "*"
DOMINATED_MARK = "~"
FOUND_MARK = "found"
NOTHING = "-"
NONE_IS_FRESH = f"{FOUND_MARK!r} in place of an error: no fresh seed, valued as found."
WITH_A_COLUMN_IF_ASKED = ("activations", PEAK_MEMORY)
"""Costs that are seldom looked at."""


def front_table(
    members: Sequence[Candidate],
    *,
    x: str,
    y: str,
    knee: Candidate | None,
    probabilities: Mapping[str, float] | None = None,
) -> Table:
    """Return a row for each member, in their order; the table fits 100 columns.

    Args:
        members: a front of ``y`` against ``x``.
        x: a cost. One that has no column otherwise (activations, peak memory) gets one.
        y: a metric to maximise.
        knee: the member to mark, see :func:`analysis.front.queries.knee`.
        probabilities: of being on the front, by arch_id; they get a column.
    """
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=0,  # the box sets columns one blank apart
        title=f"Pareto front: {y} against {x}",
        title_justify="left",
        caption=Text("\n".join(_notes(members, x, y, knee))),
        caption_justify="left",
    )
    costs = ["params", "macs"]
    if x in WITH_A_COLUMN_IF_ASKED:
        costs.append(x)
    if any("latency_ms" in member.metrics for member in members):
        costs.append("latency_ms")

    table.add_column("  arch_id", no_wrap=True)
    table.add_column(METRICS["val_accuracy"].heading, justify="right", no_wrap=True)
    table.add_column("± std\nerr.", justify="right", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    table.add_column("as\nfound", justify="right", no_wrap=True)
    if probabilities is not None:
        table.add_column("on the\nfront", justify="right", no_wrap=True)
    for cost in costs:
        table.add_column(METRICS[cost].heading, justify="right", no_wrap=True)
    table.add_column("architecture", overflow="fold")
    by_value = front_by_value(members, [y, x])
    for member in members:
        is_knee = _is(member, knee)
        mark = KNEE_MARK if is_knee else " " if member in by_value else DOMINATED_MARK
        table.add_row(
            f"{mark} {member.arch_id}",
            _percent(member.metrics.get("val_accuracy")),
            _error(member),
            str(member.n),
            _percent(member.as_found),
            *([] if probabilities is None else [f"{probabilities[member.arch_id]:.0%}"]),
            *(_quantity(member.metrics.get(name)) for name in costs),
            _Parts(str(member.architecture)),
            style="bold" if is_knee else None,
        )
    return table


def front_json(
    members: Sequence[Candidate],
    *,
    x: str,
    y: str,
    knee: Candidate | None,
    probabilities: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Return plain data: what the front trades, its knee's arch_id or None, and its members.

    Members are in their order, accuracies and errors as fractions; see
    :func:`nas.storage.accuracy_text.accuracy_json` for their keys. A member that is not
    ``is_on_front_by_value`` is dominated by another one's fresh evaluations. With
    ``probabilities``, by arch_id, each has its ``front_probability``.
    """
    by_value = front_by_value(members, [y, x])
    return {
        "x": x,
        "y": y,
        "knee": None if knee is None else knee.arch_id,
        "members": [
            {
                "arch_id": member.arch_id,
                "description": str(member.architecture),
                "architecture": json.loads(member.architecture.canonical_json()),
                **accuracy_json(member),
                "metrics": dict(sorted(member.metrics.items())),
                "is_knee": _is(member, knee),
                "is_on_front_by_value": member in by_value,
                **(
                    {}
                    if probabilities is None
                    else {"front_probability": probabilities[member.arch_id]}
                ),
                "device_seconds": member.device_seconds,
            }
            for member in members
        ],
    }


def _notes(members: Sequence[Candidate], x: str, y: str, knee: Candidate | None) -> list[str]:
    """Explain the marks and the columns, in lines under the table."""
    if not members:
        return []
    notes = [f"{KNEE_MARK} the knee" if knee is not None else why_no_knee(members, x, y)]
    if any(member.is_fresh for member in members):
        notes.append(
            "The front is chosen by all evaluations. val acc. is the mean of n with fresh seeds; "
            "'as found' is the search's own evaluation, among the luckiest of many."
            + ("" if all(member.is_fresh for member in members) else f" {NONE_IS_FRESH}")
        )
    else:
        notes.append(
            "No member was evaluated with fresh seeds: accuracies are as found, among the luckiest "
            "of many."
        )
    dominated = len(members) - len(front_by_value(members, [y, x]))
    if dominated:
        notes.append(
            f"{DOMINATED_MARK} {dominated} of {len(members)} members: by fresh seeds another one "
            "is as good and cheaper. They stay, as the front was chosen by all evaluations."
        )
    return notes


class _Parts:
    """A description that is wrapped only between its parts."""

    def __init__(self, description: str) -> None:
        first, *others = description.split(" | ")
        self._parts = [first, *(f"| {part}" for part in others)]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = self._parts[:1]
        for part in self._parts[1:]:
            if len(lines[-1]) + 1 + len(part) <= options.max_width:
                lines[-1] += f" {part}"
            else:
                lines.append(part)
        yield Text("\n".join(lines), overflow="fold")  # text, as its brackets are not markup

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(12, len(" ".join(self._parts))).with_maximum(options.max_width)


def _is(member: Candidate, knee: Candidate | None) -> bool:
    return knee is not None and member.arch_id == knee.arch_id


def _error(member: Candidate) -> str:
    if not member.is_fresh:
        return FOUND_MARK
    return NOTHING if member.standard_error is None else f"{100 * member.standard_error:.2f}"


def _percent(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:.2f}"


def _quantity(value: float | None) -> str:
    return NOTHING if value is None else format_quantity(value)
