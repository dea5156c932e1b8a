"""Differences of networks as tables for the terminal, and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from rich import box
from rich.table import Table

from analysis.diff.subjects import Difference, Part, Subject, difference, parts_of
from nas.evaluation.metric_names import OF_ACCURACY, MetricNames
from nas.quantities import format_quantity
from nas.storage.accuracy_text import AS_FOUND, accuracy_json, accuracy_text


def diff_table(subjects: Sequence[Subject], names: MetricNames = OF_ACCURACY) -> Table:
    """Return the parts that differ, the costs and the accuracies of networks, side by side.

    Costs and accuracies of the second network and those after it have their difference from the
    first.
    """
    parts = parts_of(subjects)
    same = [part.name for part in parts if not part.is_changed]
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        caption=f"the same in all: {', '.join(same)}" if same else None,
        caption_justify="left",
    )
    table.add_column("")
    for subject in subjects:
        table.add_column(subject.name, overflow="fold")
    table.add_row("arch_id", *(each.architecture.arch_id for each in subjects))
    for part in parts:
        if part.is_changed:
            table.add_row(part.name, *map(_part_cell, part.labels, part.params, part.macs))
    first, *others = subjects
    for name in first.metrics:
        if all(name in each.metrics for each in others):
            before = first.metrics[name]
            cells = [f"{format_quantity(each.metrics[name])}" for each in others]
            changes = [relative(before, each.metrics[name]) for each in others]
            shown = [
                f"{cell} ({change})" if change else cell
                for cell, change in zip(cells, changes, strict=True)
            ]
            table.add_row(names.line(name), format_quantity(before), *shown)
    if any(each.candidate for each in subjects):
        table.add_row(names["val_accuracy"].label, *(_accuracy(each) for each in subjects))
        gains = [difference(first, each) for each in others]
        if any(gains):
            table.add_row("  less the first", "", *map(difference_text, gains))
    return table


def steps_table(members: Sequence[Subject], x: str, names: MetricNames = OF_ACCURACY) -> Table:
    """Return what each step along a front changes, and what it buys.

    Args:
        members: a front, by ascending cost.
        x: the cost that the steps are along.
        names: of the run's metrics.
    """
    cost = names.line(x)
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        title=f"what each step along the front buys, by ascending {cost}",
        title_justify="left",
    )
    for heading in ("from", "to"):
        table.add_column(heading, no_wrap=True)
    table.add_column(cost, justify="right", no_wrap=True)
    table.add_column(f"{names.noun}, %", justify="right")
    table.add_column("what changes", overflow="fold")
    for before, after in pairwise(members):
        table.add_row(
            before.name,
            after.name,
            relative(before.metrics[x], after.metrics[x]),
            difference_text(difference(before, after)),
            "\n".join(_change(part) for part in parts_of([before, after]) if part.is_changed),
        )
    return table


def diff_json(subjects: Sequence[Subject]) -> dict[str, Any]:
    """Return networks, their parts, and each one's difference from the first as plain data."""
    first, *others = subjects
    return {
        "networks": [_subject_json(each) for each in subjects],
        "parts": [_part_json(part) for part in parts_of(subjects)],
        "differences": [_difference_json(first, each) for each in others],
    }


def steps_json(members: Sequence[Subject], x: str) -> dict[str, Any]:
    """Return the steps along a front as plain data; see :func:`steps_table`."""
    return {
        "x": x,
        "networks": [_subject_json(each) for each in members],
        "steps": [
            {
                **_difference_json(before, after),
                "parts": [
                    _part_json(part) for part in parts_of([before, after]) if part.is_changed
                ],
            }
            for before, after in pairwise(members)
        ],
    }


def relative(before: float, after: float) -> str:
    """Return a change of a cost such as ``+25%``; empty for none."""
    if after == before or not before:
        return ""
    ratio = after / before
    return f"x{ratio:.3g}" if ratio >= 2 else f"{ratio - 1:+.1%}"


def difference_text(change: Difference | None) -> str:
    """Return a difference of accuracies in percent points, such as ``+0.60 ± 0.20 (n=3)``."""
    if change is None:
        return "-"
    error = "" if change.standard_error is None else f" ± {100 * change.standard_error:.2f}"
    pairs = f" (n={change.n})" if change.n else ""
    as_found = "" if change.is_fresh else f" {AS_FOUND}"
    return f"{100 * change.mean:+.2f}{error}{pairs}{as_found}"


def _accuracy(subject: Subject) -> str:
    return "-" if subject.candidate is None else accuracy_text(subject.candidate)


def _part_cell(label: str, params: int | None, macs: int | None) -> str:
    if params is None or macs is None:
        return label
    return f"{label}\n{format_quantity(params)} params, {format_quantity(macs)} MACs"


def _change(part: Part) -> str:
    return f"{part.name}: {' -> '.join(part.labels)}"


def _subject_json(subject: Subject) -> dict[str, Any]:
    return {
        "name": subject.name,
        "arch_id": subject.architecture.arch_id,
        "description": str(subject.architecture),
        "metrics": subject.metrics,
        **({} if subject.candidate is None else accuracy_json(subject.candidate)),
    }


def _part_json(part: Part) -> dict[str, Any]:
    return {
        "part": part.name,
        "is_changed": part.is_changed,
        "labels": list(part.labels),
        "params": list(part.params),
        "macs": list(part.macs),
    }


def _difference_json(first: Subject, second: Subject) -> dict[str, Any]:
    change = difference(first, second)
    return {
        "from": first.name,
        "to": second.name,
        "metrics": {
            name: second.metrics[name] - value
            for name, value in first.metrics.items()
            if name in second.metrics
        },
        "val_accuracy": None if change is None else change._asdict(),
    }
