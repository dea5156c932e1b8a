"""What trials that were stopped early would have come to."""

from __future__ import annotations

from math import inf, nan

import pytest

from nas.samplers.learning_curves import FEWEST, estimate
from nas.samplers.results import Stopped, Told


def told(*pairs: tuple[float, float], epoch: int = 3) -> list[Told]:
    """Finished trials by their loss at an epoch and in the end."""
    return [Told(index, (final, 7.0), {epoch: early}) for index, (early, final) in enumerate(pairs)]


def test_parallel_curves_go_on_in_parallel() -> None:
    trials = told((1, 0.5), (2, 1.5), (3, 2.5), (4, 3.5))
    found = estimate([Stopped("a", {1: 9.0, 3: 3.5}), Stopped("b", {3: 7.0})], trials)
    assert [f and f.loss for f in found] == pytest.approx([3.0, 6.5])
    assert [f and f.variance for f in found] == pytest.approx([0.0, 0.0], abs=1e-12)


def test_a_slope_is_believed_as_far_as_trials_support_it() -> None:
    """By hand: the slope is 2 (10 / 5); four trials more say 1: (10 + 5) / (5 + 5)."""
    trials = told((0, 0), (1, 2), (2, 4), (3, 6))
    (found,) = estimate([Stopped("a", {3: 4.0})], trials)
    assert found is not None
    assert found.loss == pytest.approx(3 + 1.5 * (4 - 1.5))
    assert found.variance == pytest.approx(0.25 * 5 / 3)


def test_trials_of_equal_losses_leave_parallels() -> None:
    (found,) = estimate([Stopped("a", {3: 2.5})], told(*[(2, 1)] * FEWEST))
    assert found == (1.5, 0.0)


def test_nothing_is_said_where_nothing_compares() -> None:
    enough = told((1, 1), (2, 2), (3, 3), (4, 4))
    stopped = [Stopped("another epoch", {2: 1.0}), Stopped("no curve", {})]
    assert estimate(stopped, enough) == [None, None]
    assert estimate([Stopped("few", {3: 1.0})], enough[: FEWEST - 1]) == [None]
    assert estimate([], enough) == []


def test_a_loss_that_is_no_number_is_passed_over() -> None:
    enough = told((1, 1), (2, 2), (3, 3), (4, 4))
    broken = told((nan, 1), (inf, 9), (5, inf))
    (found,) = estimate([Stopped("a", {3: 2.5, 5: nan})], enough + broken)
    assert found is not None
    assert found.loss == pytest.approx(2.5)
    assert estimate([Stopped("a", {3: 2.5})], enough[:3] + broken) == [None]
