"""The rungs of successive halving: who goes on, and in which order fronts are ranked."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import moocore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.schedulers.ranking import best_first
from nas.schedulers.rungs import exact_factor, rungs_below
from nas.schedulers.stopping import SuccessiveHalving

LOSS = st.integers(min_value=-8, max_value=8).map(float)  # few values: ties are common
POINTS = st.integers(1, 3).flatmap(
    lambda objectives: st.lists(st.tuples(*[LOSS] * objectives), min_size=1, max_size=24)
)
FACTOR = st.sampled_from([1.5, 2, 3, 4])


def reported(points: Sequence[tuple[float, ...]], factor: float) -> list[str]:
    halving = SuccessiveHalving([2], factor)
    return [halving.report(key, 2, losses) for key, losses in enumerate(points)]


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


@pytest.mark.parametrize(
    ("epochs", "least", "factor", "rungs"),
    [(27, 3, 3, (3, 9)), (28, 3, 3, (3, 9, 27)), (30, 10, 3, (10,)), (4, 4, 2, ())],
)
def test_rungs_are_before_the_last_epoch(
    epochs: int, least: int, factor: int, rungs: tuple[int, ...]
) -> None:
    assert rungs_below(epochs, min_epochs=least, reduction_factor=factor) == rungs


@pytest.mark.parametrize(
    ("epochs", "least", "rungs"), [(13, 3, (3, 6, 9, 12)), (12, 3, (3, 6, 9)), (3, 3, ())]
)
def test_evenly_spaced_rungs_do_not_follow_the_factor(
    epochs: int, least: int, rungs: tuple[int, ...]
) -> None:
    for factor in (1.25, 3):
        spaced = rungs_below(epochs, min_epochs=least, reduction_factor=factor, spacing="even")
        assert spaced == rungs


@given(POINTS, FACTOR)
def test_the_first_goes_on_and_later_ones_by_their_place(
    points: list[tuple[float, ...]], factor: float
) -> None:
    decisions = reported(points, factor)
    assert decisions[0] == "continue"
    for n in range(1, len(points) + 1):
        place = list(best_first(np.array(points[:n]))).index(n - 1)
        assert (decisions[n - 1] == "continue") == (place < math.ceil(n / factor))


@given(POINTS)
def test_dominated_ones_come_after_what_dominates_them(points: list[tuple[float, ...]]) -> None:
    order = list(best_first(np.array(points)))
    assert sorted(order) == list(range(len(points)))
    place = {index: rank for rank, index in enumerate(order)}
    for one, other in itertools.permutations(range(len(points)), 2):
        if dominates(points[one], points[other]):
            assert place[one] < place[other]


@given(POINTS, st.randoms(use_true_random=False), FACTOR)
def test_the_order_of_earlier_reports_does_not_matter(
    points: list[tuple[float, ...]], shuffler: random.Random, factor: float
) -> None:
    distinct = list(dict.fromkeys(points))
    earlier, last = distinct[:-1], distinct[-1]
    shuffled = shuffler.sample(earlier, len(earlier))
    assert reported([*earlier, last], factor)[-1] == reported([*shuffled, last], factor)[-1]


@given(POINTS, st.floats(0.001, 1000), st.floats(-100, 100))
def test_units_of_an_objective_do_not_matter(
    points: list[tuple[float, ...]], unit: float, offset: float
) -> None:
    losses = np.array(points)
    changed = losses.copy()
    changed[:, 0] = changed[:, 0] * 2.0 ** round(math.log2(unit)) + round(offset)
    assert list(best_first(losses)) == list(best_first(changed))


def test_one_objective_keeps_the_best_third() -> None:
    order = [5, 1, 4, 2, 6, 3, 0]
    # the best 1, 1, 1, 2, 2, 2, 3 of the 1, 2, ... 7 seen go on
    stop, go = "stop", "continue"
    assert reported([(float(loss),) for loss in order], 3) == [go, go, stop, go, stop, stop, go]


def test_the_ends_of_a_front_come_before_its_crowded_middle() -> None:
    front = np.array([[4.0, 4.2], [0.0, 10.0], [10.0, 0.0], [4.1, 4.1], [4.2, 4.0], [9.0, 9.0]])
    order = list(best_first(front))
    assert order[:2] == [1, 2]  # best in the first loss, then farthest from it
    assert order[2] in {0, 3, 4}
    assert order[5] == 5  # dominated


@settings(max_examples=30)
@given(st.lists(st.tuples(LOSS, LOSS), min_size=6, max_size=24, unique=True))
def test_the_first_of_a_front_cover_it(points: list[tuple[float, float]]) -> None:
    """A greedy choice of k centres is at most twice as far from any point as the best k are."""
    front = np.array(points)[moocore.is_nondominated(np.array(points))]
    spans = np.ptp(front, axis=0)
    scaled = front / np.where(spans > 0, spans, 1)
    order = list(best_first(front))
    kept = max(1, len(front) // 2)
    between = np.linalg.norm(scaled[:, None] - scaled[None], axis=2)
    covered = between[:, order[:kept]].min(axis=1).max()
    chosen = between[np.ix_(order[:kept], order[:kept])]
    apart = chosen[~np.eye(kept, dtype=bool)].min() if kept > 1 else np.inf
    assert covered <= apart + 1e-12


def test_a_trial_that_was_started_again_is_not_its_own_rival() -> None:
    halving = SuccessiveHalving([1, 2], 2)
    assert halving.report("a", 1, [0.9, 3]) == "continue"
    assert halving.report("a", 1, [0.5, 3]) == "continue"
    assert halving.report("b", 1, [0.7, 3]) == "stop"  # the second of two, not of three
    assert halving.report("a", 3, []) == "continue"  # no rung, nothing to compare


@pytest.mark.parametrize(
    ("rungs", "factor", "said"),
    [([2, 1], 3, "ascending"), ([1, 1], 3, "ascending"), ([0], 3, "from 1"), ([1], 1, "above 1")],
)
def test_impossible_settings_are_refused(rungs: list[int], factor: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SuccessiveHalving(rungs, factor)


@pytest.mark.parametrize(
    ("trials", "factor", "share"),
    [(4, 1.333, 3), (3, 1.333, Fraction(9, 4)), (33, 1.1, 30), (21, 1.4, 15), (9, 3, 3)],
)
def test_a_share_is_what_the_factor_means(trials: int, factor: float, share: Fraction) -> None:
    """As binary numbers, 4 / 1.333 is above 3, 33 / 1.1 under 30 and 21 / 1.4 above 15."""
    assert trials / exact_factor(factor) == share


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"min_epochs": 0}, "min_epochs must be at least 1, got 0"),
        ({"reduction_factor": 1}, "above 1 and finite, got 1"),
        ({"reduction_factor": math.inf}, "above 1 and finite, got inf"),
        ({"reduction_factor": 1.001, "spacing": "even"}, "at least 1.01, got 1.001"),
        ({"reduction_factor": 1.5}, "whole number where rungs are multiples of it .* got 1.5"),
        ({"spacing": "odd"}, "geometric or even, got 'odd'"),
    ],
)
def test_rungs_that_cannot_be_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        rungs_below(9, **({"min_epochs": 1, "reduction_factor": 3} | settings))


def test_what_cannot_be_compared_is_refused() -> None:
    halving = SuccessiveHalving([1], 3)
    halving.report("a", 1, [0.5, 3])
    with pytest.raises(ValueError, match="'b' has 1 losses at epoch 1, those before had 2"):
        halving.report("b", 1, [0.5])
    with pytest.raises(ValueError, match="finite"):
        halving.report("c", 1, [math.nan, 1])
    assert halving.report("d", 1, [0.6, 3]) == "stop"  # the second of two, not of four
