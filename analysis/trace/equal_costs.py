"""Families of a trace beside each other at equal costs, over the seeds that both have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from rich import box
from rich.table import Table

from analysis.paired_difference import PairedDifference, paired_difference
from analysis.trace.points import TracePoint, TraceResult
from analysis.trace.tables import cost_text


class EqualCost(NamedTuple):
    """A network of the first family, and the best of another one that costs no more."""

    axis: str
    budget: float  # the first network's cost
    first: TracePoint
    other: TracePoint
    difference: PairedDifference  # of accuracies, the first less the other

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "axis": self.axis,
            "budget": self.budget,
            "first": self.first.network,
            "other_family": self.other.family,
            "other": self.other.network,
            "other_cost": self.other.costs[self.axis],
            "difference": self.difference.mean,
            "standard_error": self.difference.standard_error,
            "n": self.difference.n,
        }


def equal_costs(result: TraceResult) -> list[EqualCost]:
    """Compare the first family with each other one, at the costs of the first one's networks.

    On both sides the network is chosen by its mean validation accuracy, so that the test accuracy
    that is compared chose nothing: the first family's are those that no cheaper one of it equals,
    the other's is its best within the cost. Networks without validation accuracies, or without
    shared seeds, are left out.
    """
    first, *others = result.families
    rows = []
    for axis in result.axes:
        if axis == "own":
            continue
        for point in _front(_validated(result, first, axis)):
            budget = point.costs[axis]
            for family in others:
                within = [
                    each for each in _validated(result, family, axis) if each.costs[axis] <= budget
                ]
                if not within:
                    continue
                best = max(within, key=_validation)
                difference = paired_difference(
                    _accuracies(point, result), _accuracies(best, result)
                )
                if difference is not None:
                    rows.append(EqualCost(axis, budget, point, best, difference))
    return rows


def equal_costs_table(rows: Sequence[EqualCost], result: TraceResult) -> Table:
    """Return a row for each comparison."""
    table = Table(title=_title(result), title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("at equal", "up to", "network"):
        table.add_column(heading)
    table.add_column("beside", overflow="fold")
    table.add_column("difference", justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row, result))
    return table


def equal_costs_markdown(rows: Sequence[EqualCost], result: TraceResult) -> str:
    """Return the comparisons as a Markdown table."""
    lines = [
        f"## {_title(result)}",
        "",
        "| at equal | up to | network | beside | difference |",
        "| --- | ---: | --- | --- | ---: |",
        *(f"| {' | '.join(_cells(row, result))} |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


def _title(result: TraceResult) -> str:
    return (
        f"{result.accuracy_label} of {result.families[0]!r} less that of the others, the best of "
        "each within the cost by validation accuracy"
    )


def _cells(row: EqualCost, result: TraceResult) -> tuple[str, ...]:
    cost = cost_text(row.other.costs[row.axis], row.axis)
    return (
        result.label(row.axis),
        cost_text(row.budget, row.axis),
        row.first.network,
        f"{row.other.family}: {row.other.network} ({cost})",
        str(row.difference),
    )


def _validated(result: TraceResult, family: str, axis: str) -> list[TracePoint]:
    return [point for point in result.of_family(family, axis) if point.val_accuracies]


def _validation(point: TracePoint) -> float:
    return float(np.mean(list(point.val_accuracies.values())))


def _front(points: Sequence[TracePoint]) -> list[TracePoint]:
    """Return the points that no cheaper one equals in validation; they are by ascending cost."""
    front: list[TracePoint] = []
    for point in points:
        if not front or _validation(point) > _validation(front[-1]):
            front.append(point)
    return front


def _accuracies(point: TracePoint, result: TraceResult) -> dict[int, float]:
    is_test = result.accuracy == "test_accuracy"
    return dict(point.test_accuracies if is_test else point.val_accuracies)
