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

from analysis.front.queries import has_a_knee, why_no_knee
from nas.evaluation.metric_names import OF_ACCURACY, MetricNames
from nas.metrics import METRICS, PEAK_MEMORY
from nas.quantities import format_quantity
from nas.storage.accuracy_text import accuracy_json
from nas.storage.candidates import Candidate, front_by_value

KNEE_MARK = "*"
DOMINATED_MARK = "~"
FOUND_MARK = "found"
NOTHING = "-"
NONE_IS_FRESH = f"{FOUND_MARK!r} in place of an error: no fresh seed, valued as found."
WITH_A_COLUMN_IF_ASKED = ("activations", PEAK_MEMORY, "val_accuracy_by_latency")
"""Metrics that are seldom looked at."""


def front_table(
    members: Sequence[Candidate],
    *,
    x: str,
    y: str,
    knee: Candidate | None,
    z: str | None = None,
    shown: Sequence[Candidate] | None = None,
    probabilities: Mapping[str, float] | None = None,
    names: MetricNames = OF_ACCURACY,
) -> Table:
    """Return a row for each member, in their order; the table fits 100 columns.

    Args:
        members: a front of ``y`` against ``x``, and ``z`` if it is given.
        x: a cost. One that has no column otherwise (activations, peak memory) gets one.
        y: a metric to maximise, or a cost.
        knee: the member to mark, see :func:`analysis.front.queries.knee`.
        z: the third objective; None for two.
        shown: the members that get a row, in their order; None for all.
        probabilities: of being on the front, by arch_id; they get a column.
        names: of the run's metrics.
    """
    against = x if z is None else f"{x} and {names.key(z)}"
    shown = members if shown is None else shown
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=0,  # the box sets columns one blank apart
        title=f"Pareto front: {names.key(y)} against {against}",
        title_justify="left",
        caption=Text("\n".join(_notes(members, x, y, z, knee, len(shown), names))),
        caption_justify="left",
    )
    values = value_columns(members, x=x, y=y, z=z)
    table.add_column("  arch_id", no_wrap=True)
    table.add_column(names["val_accuracy"].heading, justify="right", no_wrap=True)
    table.add_column("± std\nerr.", justify="right", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    table.add_column("as\nfound", justify="right", no_wrap=True)
    if probabilities is not None:
        table.add_column("on the\nfront", justify="right", no_wrap=True)
    for name in values:
        table.add_column(names[name].heading, justify="right", no_wrap=True)
    table.add_column("architecture", overflow="fold")
    by_value = {each.arch_id for each in front_by_value(members, _objectives(x, y, z))}
    for member in shown:
        is_knee = _is(member, knee)
        mark = KNEE_MARK if is_knee else " " if member.arch_id in by_value else DOMINATED_MARK
        table.add_row(
            f"{mark} {member.arch_id}",
            *accuracy_cells(member),
            *([] if probabilities is None else [f"{probabilities[member.arch_id]:.0%}"]),
            *(value_text(member, name) for name in values),
            _Parts(str(member.architecture)),
            style="bold" if is_knee else None,
        )
    return table


def value_columns(members: Sequence[Candidate], *, x: str, y: str, z: str | None) -> list[str]:
    """Return the metrics that have a column beside the validation accuracy."""
    names = ["params", "macs"]
    names += [name for name in (x, y, z) if name in WITH_A_COLUMN_IF_ASKED and name not in names]
    if any("latency_ms" in member.metrics for member in members):
        names.append("latency_ms")
    return names


def accuracy_cells(member: Candidate) -> tuple[str, str, str, str]:
    """Return a member's validation accuracy in percent, its error, n, and what was found."""
    return (
        _percent(member.metrics.get("val_accuracy")),
        _error(member),
        str(member.n),
        _percent(member.as_found),
    )


def value_text(member: Candidate, name: str) -> str:
    """Return a member's metric with its suffix, an accuracy in percent; ``-`` if it has none."""
    value = member.metrics.get(name)
    return _percent(value) if METRICS[name].is_maximised else _quantity(value)


def front_json(
    members: Sequence[Candidate],
    *,
    x: str,
    y: str,
    knee: Candidate | None,
    z: str | None = None,
    shown: Sequence[Candidate] | None = None,
    probabilities: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Return plain data: what the front trades, its knee's arch_id or None, and its members.

    Members are in their order, accuracies and errors as fractions; see
    :func:`nas.storage.accuracy_text.accuracy_json` for their keys. A member that is not
    ``is_on_front_by_value`` is dominated by another one's fresh evaluations. With
    ``probabilities`` each has its ``front_probability``. Arguments are those of
    :func:`front_table`. Metrics have the ledger's names; :meth:`MetricNames.keyed` gives them the
    run's.
    """
    by_value = {each.arch_id for each in front_by_value(members, _objectives(x, y, z))}
    return {
        "x": x,
        "y": y,
        **({} if z is None else {"z": z}),
        "knee": None if knee is None else knee.arch_id,
        "members": [
            {
                "arch_id": member.arch_id,
                "description": str(member.architecture),
                "architecture": json.loads(member.architecture.canonical_json()),
                **accuracy_json(member),
                "metrics": dict(sorted(member.metrics.items())),
                "is_knee": _is(member, knee),
                "is_on_front_by_value": member.arch_id in by_value,
                **(
                    {}
                    if probabilities is None
                    else {"front_probability": probabilities[member.arch_id]}
                ),
                "device_seconds": member.device_seconds,
            }
            for member in (members if shown is None else shown)
        ],
    }


def _objectives(x: str, y: str, z: str | None) -> list[str]:
    return [y, x] if z is None else [y, z, x]


def _notes(
    members: Sequence[Candidate],
    x: str,
    y: str,
    z: str | None,
    knee: Candidate | None,
    shown: int,
    names: MetricNames,
) -> list[str]:
    """Explain the marks and the columns, in lines under the table."""
    if not members:
        return []
    notes = []
    if has_a_knee(x, y, z):
        notes.append(f"{KNEE_MARK} the knee" if knee is not None else why_no_knee(members, x, y))
    if shown < len(members):
        notes.append(f"{shown} of the front's {len(members)} members are shown.")
    if any(member.is_fresh for member in members):
        notes.append(
            "The front is chosen by all evaluations. "
            f"{names.line('val_accuracy').rstrip('%')} is the mean of n with fresh seeds; "
            "'as found' is the search's own evaluation, among the luckiest of many."
            + ("" if all(member.is_fresh for member in members) else f" {NONE_IS_FRESH}")
        )
    else:
        notes.append(
            f"No member was evaluated with fresh seeds: {names.plural} are as found, among the "
            "luckiest of many."
        )
    dominated = len(members) - len(front_by_value(members, _objectives(x, y, z)))
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
