"""Families at equal costs: chosen by validation, compared by test accuracies of shared seeds."""

from __future__ import annotations

from dataclasses import replace
from math import log

import pytest

from analysis.paired_interval import paired_interval
from analysis.trace.equal_costs import equal_costs, equal_costs_markdown
from analysis.trace.points import TracePoint, TraceResult


def point(
    family: str, params: float, validation: float, tests: dict[int, float], name: str = ""
) -> TracePoint:
    return TracePoint(
        family,
        name or f"{family}{params:g}",
        f"{family}{params:g}",
        "",
        {"params": params, "macs": 2 * params},
        tuple(tests.values()),
        val_accuracies=dict.fromkeys(tests, validation),
        test_accuracies=tests,
    )


def result_of(*points: TracePoint, axes: tuple[str, ...] = ("params",)) -> TraceResult:
    families = tuple(dict.fromkeys(each.family for each in points))
    return TraceResult(
        "", "test_accuracy", "test", axes, "", families, points, (), "", (), is_of_fronts=True
    )


def test_the_difference_is_a_mean_over_the_logarithm_of_the_budget() -> None:
    """It is a10 - b5 from 10 to 20, a20 - b5 up to 80, and a20 - b80 at 80, without a width."""
    result = result_of(
        point("a", 10, 0.6, {0: 0.60, 1: 0.70}),
        point("a", 20, 0.8, {0: 0.80, 1: 0.82}),
        point("b", 5, 0.5, {0: 0.50, 1: 0.55}),
        point("b", 80, 0.9, {0: 0.90, 1: 0.91}),
    )
    over, best = equal_costs(result)
    whole = log(80 / 10)
    expected = [
        (log(2) * (a10 - b5) + log(4) * (a20 - b5)) / whole
        for a10, a20, b5 in ((0.60, 0.80, 0.50), (0.70, 0.82, 0.55))
    ]
    assert over.interval == paired_interval(expected, 2)  # of two comparisons
    assert over.where == "parameters, 10 to 80"
    assert best.networks == ("a20", "b80")
    assert best.interval.mean == pytest.approx((0.80 - 0.90 + 0.82 - 0.91) / 2)


def test_validation_chooses_and_test_accuracies_do_not() -> None:
    lucky = point("b", 8, 0.3, {0: 0.99, 1: 0.99}, "lucky")
    result = result_of(
        point("a", 10, 0.6, {0: 0.6, 1: 0.7}), point("b", 5, 0.5, {0: 0.5, 1: 0.5}), lucky
    )
    over, best = equal_costs(result)
    assert best.networks == ("a10", "b5")
    assert over.interval.mean == pytest.approx(0.15)  # one budget alone: that of the dearest


def test_only_seeds_that_all_networks_have_count() -> None:
    result = result_of(
        point("a", 10, 0.6, {0: 0.6, 1: 0.7, 2: 0.9}), point("b", 10, 0.5, {1: 0.5, 2: 0.6, 3: 0.1})
    )
    over, _ = equal_costs(result)
    assert (over.interval.n, over.interval.mean) == (2, pytest.approx(0.25))
    apart = result_of(point("a", 10, 0.6, {0: 0.6}), point("b", 10, 0.5, {0: 0.5}))
    assert equal_costs(apart) == []  # one seed is no interval


def test_every_comparison_made_widens_all_intervals() -> None:
    points = [point(family, 10, 0.6, {0: 0.6 + n, 1: 0.7}) for n, family in enumerate("abc")]
    few = equal_costs(result_of(*points[:2]))
    many = equal_costs(result_of(*points, axes=("params", "macs", "own")))
    assert (len(few), len(many)) == (2, 6)  # params and best; params, macs and best of two rivals
    assert few[0].interval.low is not None
    assert many[0].interval.low is not None
    assert many[0].interval.low < few[0].interval.low


def test_what_chose_the_networks_compares_none() -> None:
    result = result_of(point("a", 10, 0.6, {0: 0.6, 1: 0.7}), point("b", 10, 0.5, {0: 0.5, 1: 0.5}))
    assert equal_costs(replace(result, accuracy="val_accuracy")) == []
    text = equal_costs_markdown(equal_costs(result), result)
    assert text.count("\n| b |") == 2
    assert "2 comparisons" in text
