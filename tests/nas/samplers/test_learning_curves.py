"""Extrapolated final losses of trials that were stopped early."""

from __future__ import annotations

from math import inf, nan

import pytest

from nas.samplers.learning_curves import FEWEST, at_one_epoch, estimate
from nas.samplers.trials import CompletedTrial, PrunedTrial, Results


def told(*pairs: tuple[float, float], epoch: int = 3) -> list[CompletedTrial]:
    """Finished trials by their loss at an epoch and in the end."""
    return [
        CompletedTrial(index, (final, 7.0), {epoch: early})
        for index, (early, final) in enumerate(pairs)
    ]


def test_trials_compare_at_the_latest_epoch_that_enough_of_them_reached() -> None:
    finished = CompletedTrial("f", (0.1, 5.0), {1: 0.9, 3: 0.5})
    stopped = [
        PrunedTrial("a", {1: 0.8, 3: 0.4}),
        PrunedTrial("b", {1: 0.7}),
        PrunedTrial("c", {1: nan}),
    ]
    results = Results((-1, 1), completed=[finished], pruned=stopped, pending=["d"])
    costs = {"f": (5.0,), "a": (6.0,), "b": (7.0,)}
    at_three = at_one_epoch(results, 2, costs.__getitem__)
    assert at_three.completed == [CompletedTrial("f", (0.5, 5.0)), CompletedTrial("a", (0.4, 6.0))]
    assert (at_three.pruned, at_three.pending) == ([], ["d"])
    at_first = at_one_epoch(results, 3, costs.__getitem__)
    assert [trial.losses for trial in at_first.completed] == [(0.9, 5.0), (0.8, 6.0), (0.7, 7.0)]
    assert at_one_epoch(results, 4, costs.__getitem__) is results
    assert results.completed == [finished]


def test_parallel_curves_go_on_in_parallel() -> None:
    trials = told((1, 0.5), (2, 1.5), (3, 2.5), (4, 3.5))
    estimates = estimate([PrunedTrial("a", {1: 9.0, 3: 3.5}), PrunedTrial("b", {3: 7.0})], trials)
    assert [f and f.loss for f in estimates] == pytest.approx([3.0, 6.5])
    assert [f and f.variance for f in estimates] == pytest.approx([0.0, 0.0], abs=1e-12)


def test_a_slope_is_believed_as_far_as_trials_support_it() -> None:
    """By hand: the slope is 2 (10 / 5); four trials more say 1: (10 + 5) / (5 + 5)."""
    trials = told((0, 0), (1, 2), (2, 4), (3, 6))
    (estimated,) = estimate([PrunedTrial("a", {3: 4.0})], trials)
    assert estimated is not None
    assert estimated.loss == pytest.approx(3 + 1.5 * (4 - 1.5))
    assert estimated.variance == pytest.approx(0.25 * 5 / 3)


def test_trials_of_equal_losses_leave_parallels() -> None:
    (estimated,) = estimate([PrunedTrial("a", {3: 2.5})], told(*[(2, 1)] * FEWEST))
    assert estimated == (1.5, 0.0)


def test_nothing_is_said_where_nothing_compares() -> None:
    enough = told((1, 1), (2, 2), (3, 3), (4, 4))
    stopped = [PrunedTrial("another epoch", {2: 1.0}), PrunedTrial("no curve", {})]
    assert estimate(stopped, enough) == [None, None]
    assert estimate([PrunedTrial("few", {3: 1.0})], enough[: FEWEST - 1]) == [None]
    assert estimate([], enough) == []


def test_a_loss_that_is_no_number_is_passed_over() -> None:
    enough = told((1, 1), (2, 2), (3, 3), (4, 4))
    broken = told((nan, 1), (inf, 9), (5, inf))
    (estimated,) = estimate([PrunedTrial("a", {3: 2.5, 5: nan})], enough + broken)
    assert estimated is not None
    assert estimated.loss == pytest.approx(2.5)
    assert estimate([PrunedTrial("a", {3: 2.5})], enough[:3] + broken) == [None]
