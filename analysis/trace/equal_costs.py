"""Families of a trace beside each other at equal costs, over the seeds that both have.

Networks are chosen by validation accuracy, and compared by test accuracy, which chose nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log
from typing import Any, NamedTuple

from rich import box
from rich.table import Table

from analysis.markdown_table import markdown_table
from analysis.paired_interval import (
    CORRECTION,
    FEWEST_SEEDS,
    LEVEL,
    PairedInterval,
    paired_interval,
)
from analysis.trace.points import TracePoint, TraceResult
from analysis.trace.tables import cost_text

HEADINGS = ("less", "at equal", "difference, %", "interval", "n")


class FamilyComparison(NamedTuple):
    """The first family less another one."""

    where: str  # such as "parameters, 4.3k to 30k"
    axis: str  # empty for the best of each
    first: str  # family
    other: str  # family
    networks: tuple[str, str]  # of both families, where single ones are compared
    interval: PairedInterval

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "where": self.where,
            "axis": self.axis or None,
            "first": self.first,
            "other": self.other,
            "networks": list(self.networks),
            **self.interval.to_json(),
        }


class _Differences(NamedTuple):
    where: str
    axis: str
    other: str
    networks: tuple[str, str]
    by_seed: list[float]


def equal_costs(result: TraceResult) -> list[FamilyComparison]:
    """Compare the first family with each other one.

    * On each axis but ``own``: at every budget from where both have a network to the dearest one,
      the best of each that is within the budget; the mean difference over the logarithm of the
      budget.
    * The best of each, whatever it costs.

    Intervals are of paired differences over the seeds that all networks of a comparison share, and
    hold together. A trace of validation accuracies has none: those chose the networks. Networks
    without validation accuracy, and comparisons with less than two shared seeds, are left out.
    """
    if result.accuracy != "test_accuracy":
        return []
    first, *others = result.families
    differences = [
        each
        for family in others
        for each in (
            *(_over_budgets(result, first, family, axis) for axis in result.axes if axis != "own"),
            _of_the_best(result, first, family),
        )
        if each is not None and len(each.by_seed) >= FEWEST_SEEDS
    ]
    return [
        FamilyComparison(
            each.where,
            each.axis,
            first,
            each.other,
            each.networks,
            paired_interval(each.by_seed, len(differences)),
        )
        for each in differences
    ]


def equal_costs_table(rows: Sequence[FamilyComparison], result: TraceResult) -> Table:
    """Return a row for each comparison."""
    table = Table(
        title=_title(result, rows), title_justify="left", box=box.SIMPLE_HEAD, show_edge=False
    )
    for heading in HEADINGS[:2]:
        table.add_column(heading)
    for heading in HEADINGS[2:]:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row), style="bold" if row.interval.differs else None)
    return table


def equal_costs_markdown(rows: Sequence[FamilyComparison], result: TraceResult) -> str:
    """Return the comparisons as a Markdown table."""
    table = markdown_table(HEADINGS, [_cells(row) for row in rows], texts=2)
    return "\n".join([f"## {_title(result, rows)}", "", *table]) + "\n"


def _over_budgets(result: TraceResult, first: str, other: str, axis: str) -> _Differences | None:
    ours, theirs = (_validated(result.of_family(family, axis)) for family in (first, other))
    if not ours or not theirs:
        return None

    def cost(point: TracePoint) -> float:
        return point.costs[axis]

    low = max(cost(ours[0]), cost(theirs[0]))
    high = max(cost(ours[-1]), cost(theirs[-1]))
    budgets = sorted({low, *(b for b in map(cost, [*ours, *theirs]) if low < b <= high)})
    ends = [*budgets[1:], high]
    weights = [log(end / budget) for budget, end in zip(budgets, ends, strict=True)]
    if not any(weights):  # one budget alone
        weights = [1.0] * len(budgets)
    pairs = [(_best(ours, cost, budget), _best(theirs, cost, budget)) for budget in budgets]
    where = f"{result.label(axis)}, {cost_text(low, axis)} to {cost_text(high, axis)}"
    return _Differences(where, axis, other, ("", ""), _by_seed(pairs, weights))


def _of_the_best(result: TraceResult, first: str, other: str) -> _Differences | None:
    ours, theirs = (
        _validated([point for point in result.points if point.family == family])
        for family in (first, other)
    )
    if not ours or not theirs:
        return None
    pair = max(ours, key=_validation), max(theirs, key=_validation)
    costs = " and ".join(
        ", ".join(f"{cost_text(point.costs[a], a)} {a}" for a in ("params", "macs"))
        for point in pair
    )
    names = (pair[0].network, pair[1].network)
    return _Differences(
        f"nothing: the best of each ({costs})", "", other, names, _by_seed([pair], [1.0])
    )


def _by_seed(
    pairs: Sequence[tuple[TracePoint, TracePoint]], weights: Sequence[float]
) -> list[float]:
    """Return the weighted mean difference of test accuracies, a value a shared seed."""
    shared = set.intersection(*(set(p.test_accuracies) for pair in pairs for p in pair))
    return [
        sum(
            weight * (ours.test_accuracies[seed] - theirs.test_accuracies[seed])
            for weight, (ours, theirs) in zip(weights, pairs, strict=True)
        )
        / sum(weights)
        for seed in sorted(shared)
    ]


def _validated(points: Sequence[TracePoint]) -> list[TracePoint]:
    return [point for point in points if point.val_accuracies]


def _validation(point: TracePoint) -> float:
    return point.validation or 0.0


def _best(
    points: Sequence[TracePoint], cost: Callable[[TracePoint], float], budget: float
) -> TracePoint:
    return max((point for point in points if cost(point) <= budget), key=_validation)


def _title(result: TraceResult, rows: Sequence[FamilyComparison]) -> str:
    return (
        f"{result.accuracy_label} of {result.families[0]!r} less that of the others: the best of "
        f"each within every budget, by {result.names['val_accuracy'].label}; {len(rows)} "
        f"comparisons, whose paired t intervals hold together with {LEVEL:.0%} ({CORRECTION})"
    )


def _cells(row: FamilyComparison) -> tuple[str, ...]:
    interval = row.interval
    spread = (
        "no spread"
        if interval.low is None or interval.high is None
        else f"{100 * interval.low:+.2f} to {100 * interval.high:+.2f}"
    )
    return (row.other, row.where, f"{100 * interval.mean:+.2f}", spread, str(interval.n))
