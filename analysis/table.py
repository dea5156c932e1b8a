"""A front as a table for the terminal, and as plain data."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from nas.front import Candidate
from nas.quantities import format_quantity

KNEE_MARK = "*"
NOTHING = "-"
WITH_A_COLUMN_IF_ASKED = {"activations": "activations", "peak_memory_mb": "memory\nMB"}
"""Headings of costs that are seldom looked at."""


def front_table(
    members: Iterable[Candidate],
    *,
    knee: Candidate | None,
    objectives_xy: tuple[str, str] | None = None,
) -> Table:
    """A row for each member, in their order; fits a terminal of 100 columns.

    Args:
        members: a front.
        knee: the member to mark, see :func:`analysis.front.knee`.
        objectives_xy: the cost and the worth that the front trades, for the title; a cost that has
            no column of its own otherwise (activations, peak memory) gets one.
    """
    members = list(members)
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title_justify="left",
        caption_justify="left",
    )
    if objectives_xy is not None:
        x, y = objectives_xy
        table.title = f"Pareto front: {y} against {x}"
    if knee is not None:
        table.caption = f"{KNEE_MARK} the knee"
    costs = {"params": "params", "macs": "MACs"}
    if objectives_xy is not None and objectives_xy[0] in WITH_A_COLUMN_IF_ASKED:
        costs[objectives_xy[0]] = WITH_A_COLUMN_IF_ASKED[objectives_xy[0]]
    if any("latency_ms" in member.metrics for member in members):
        costs["latency_ms"] = "latency\nms"

    table.add_column("  arch_id", no_wrap=True)
    table.add_column("val\nacc.", justify="right", no_wrap=True)
    table.add_column("± std\nerr.", justify="right", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    for heading in costs.values():
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("architecture", overflow="fold")
    for member in members:
        is_knee = _is(member, knee)
        table.add_row(
            f"{KNEE_MARK if is_knee else ' '} {member.arch_id}",
            _percent(member.metrics.get("val_accuracy")),
            NOTHING if member.standard_error is None else f"± {100 * member.standard_error:.2f}",
            str(member.n),
            *(_quantity(member.metrics.get(name)) for name in costs),
            _Parts(str(member.architecture)),
            style="bold" if is_knee else None,
        )
    return table


def front_json(members: Iterable[Candidate], *, knee: Candidate | None) -> list[dict[str, Any]]:
    """The members as plain data, in their order, accuracies and errors as fractions."""
    return [
        {
            "arch_id": member.arch_id,
            "description": str(member.architecture),
            "architecture": json.loads(member.architecture.canonical_json()),
            "metrics": {name: float(value) for name, value in sorted(member.metrics.items())},
            "n": member.n,
            "standard_error": member.standard_error,
            "is_knee": _is(member, knee),
            "device_seconds": member.device_seconds,
        }
        for member in members
    ]


class _Parts:
    """A description that is broken between its parts if it must be broken."""

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


def _percent(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2%}"


def _quantity(value: float | None) -> str:
    return NOTHING if value is None else format_quantity(value)
