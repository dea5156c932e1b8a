"""Promotion at rungs: who waits, who goes on, and how many."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.schedulers.promotion import Promotion, RungByRung, expected_epochs
from nas.schedulers.ranking import best_first

LOSS = st.integers(min_value=-8, max_value=8).map(float)  # few values: ties are common
POINTS = st.integers(1, 3).flatmap(
    lambda objectives: st.lists(st.tuples(*[LOSS] * objectives), min_size=1, max_size=24)
)
FACTOR = st.sampled_from([1.5, 2, 3, 4])


def early(promotion: Promotion) -> int | None:
    """Who goes on while further trials begin."""
    return promotion.next(more_begin=True, arriving=[])


def at_last(promotion: Promotion) -> int | None:
    """Who goes on when nothing else is left."""
    return promotion.next(more_begin=False, arriving=[])


def one_at_a_time(points: Sequence[tuple[float, ...]], factor: float) -> list[int]:
    """Who goes on from the only rung, as early as it may, and last when nothing else is left."""
    promotion = Promotion([1], factor)
    gone_on: list[int] = []
    for number, losses in enumerate(points):
        promotion.report(number, 1, losses)
        while (following := early(promotion)) is not None:
            promotion.promote(following)
            gone_on.append(following)
    while (following := at_last(promotion)) is not None:
        promotion.promote(following)
        gone_on.append(following)
    return gone_on


@given(POINTS, FACTOR)
def test_each_that_goes_on_is_the_best_of_those_that_wait(
    points: list[tuple[float, ...]], factor: float
) -> None:
    promotion = Promotion([3], factor)
    gone_on: list[int] = []
    for n, losses in enumerate(points, start=1):
        promotion.report(n - 1, 3, losses)
        following = early(promotion)
        assert (following is not None) == (math.floor(n / factor) > len(gone_on))
        if following is not None:
            waiting = [i for i in best_first(np.array(points[:n])) if i not in gone_on]
            assert following == waiting[0]
            promotion.promote(following)
            gone_on.append(following)


@given(POINTS, FACTOR)
def test_no_more_than_the_share_goes_on_and_at_last_all_of_it(
    points: list[tuple[float, ...]], factor: float
) -> None:
    gone_on = one_at_a_time(points, factor)
    assert len(gone_on) == len(set(gone_on)) == math.ceil(len(points) / factor)


def test_one_that_waited_goes_on_when_later_ones_are_worse() -> None:
    """By stopping, 2 would have been lost: at its arrival it was the second of two."""
    promotion = Promotion([1], 2)
    promotion.report(1, 1, [0.1])
    assert early(promotion) is None
    promotion.report(2, 1, [0.2])
    assert early(promotion) == 1
    promotion.promote(1)
    promotion.report(3, 1, [0.4])
    assert early(promotion) is None
    promotion.report(4, 1, [0.3])
    assert early(promotion) == 2


def test_asking_changes_nothing() -> None:
    promotion = Promotion([1], 2)
    for number in range(4):
        promotion.report(number, 1, [number])
    assert early(promotion) == early(promotion) == 0


def test_the_highest_rung_comes_first() -> None:
    promotion = Promotion([1, 3], 2)
    for number in range(4):
        promotion.report(number, 1, [number])
    for number in (0, 1):
        assert early(promotion) == number
        promotion.promote(number)
    promotion.report(0, 3, [0.5])
    assert early(promotion) is None
    promotion.report(1, 3, [0.1])
    for number in (4, 5):
        promotion.report(number, 1, [-1])
    # from the second rung, though 4 and 5 are better at the first
    assert early(promotion) == 1
    promotion.promote(1)
    assert early(promotion) == 4


def test_rung_by_rung_none_goes_on_before_all_have_begun() -> None:
    promotion = RungByRung([1, 3], 2)
    for number in range(4):
        promotion.report(number, 1, [number])
    assert early(promotion) is None
    for number in (0, 1):
        assert promotion.next(more_begin=False, arriving=[1]) == number
        promotion.promote(number)
    promotion.report(0, 3, [0.5])
    promotion.report(1, 3, [0.1])
    for number in (4, 5):
        promotion.report(number, 1, [-1])
    # from the first rung, though 1 may go on from the second
    assert promotion.next(more_begin=False, arriving=[1]) == 4
    promotion.promote(4)
    assert promotion.next(more_begin=False, arriving=[1, 3]) == 1


def test_rung_by_rung_a_share_is_rounded_up_when_none_comes_any_more() -> None:
    """Whatever is trained beyond the rung: no worker waits for it."""
    promotion = RungByRung([1, 3], 2)
    for number in range(3):
        promotion.report(number, 1, [number])
    promotion.promote(0)
    assert promotion.next(more_begin=False, arriving=[1, 3]) is None
    assert promotion.next(more_begin=False, arriving=[3]) == 1
    assert Promotion([1], 2).next(more_begin=False, arriving=[3]) is None


@given(POINTS, FACTOR, st.integers(1, 4))
def test_rung_by_rung_the_best_of_all_at_a_rung_go_on(
    points: list[tuple[float, ...]], factor: float, workers: int
) -> None:
    """All but as many as run at once are there when the first one goes on."""
    promotion = RungByRung([1, 2], factor)
    arrived = max(1, len(points) - workers + 1)
    on_their_way = [1] * (len(points) - arrived)
    for number, losses in enumerate(points[:arrived]):
        promotion.report(number, 1, losses)
    gone_on = []
    while (following := promotion.next(more_begin=False, arriving=on_their_way)) is not None:
        promotion.promote(following)
        gone_on.append(following)
    best = list(best_first(np.array(points[:arrived])))
    share = arrived / factor
    assert gone_on == best[: math.floor(share) if on_their_way else math.ceil(share)]
    for number, losses in enumerate(points[arrived:], start=arrived):
        promotion.report(number, 1, losses)
    while (following := at_last(promotion)) is not None:
        promotion.promote(following)
        gone_on.append(following)
    assert len(gone_on) == math.ceil(len(points) / factor)


def test_a_failed_one_leaves_its_place_to_the_next() -> None:
    promotion = Promotion([1], 2)
    for number in range(4):
        promotion.report(number, 1, [number])
    for number in (0, 1):
        promotion.promote(number)
    assert early(promotion) is None
    promotion.withdraw(0)
    assert early(promotion) is None  # three are left, and one of them went on
    promotion.report(4, 1, [9])
    assert early(promotion) == 2


def test_one_that_was_ended_is_compared_with_and_never_goes_on() -> None:
    promotion = Promotion([1], 2)
    promotion.report(0, 1, [0])
    promotion.end(0)
    promotion.report(1, 1, [1])
    assert early(promotion) == 1
    assert at_last(Promotion([1], 2)) is None


@given(
    st.sampled_from([Promotion, RungByRung]),
    st.lists(st.tuples(LOSS, LOSS), min_size=1, max_size=60),
    st.sampled_from([1.2, 1.333, 1.5, 2, 3, 4]),
)
def test_what_a_search_trains_is_known_beforehand(
    promotion_type: type[Promotion], points: list[tuple[float, float]], factor: float
) -> None:
    """Workers' order aside: first all pause at the first rung, then the best go on."""
    rungs, epochs = [2, 4, 8], 10
    stops = [*rungs, epochs]
    promotion = promotion_type(rungs, factor)
    epoch_by_number = dict.fromkeys(range(len(points)), 2)
    for number, losses in enumerate(points):
        promotion.report(number, 2, losses)
    while (following := at_last(promotion)) is not None:
        promotion.promote(following)
        epoch_by_number[following] = stops[stops.index(epoch_by_number[following]) + 1]
        if epoch_by_number[following] < epochs:
            promotion.report(following, epoch_by_number[following], points[following])
    assert sum(epoch_by_number.values()) == expected_epochs(len(points), epochs, rungs, factor)
    assert epochs in epoch_by_number.values()


def test_the_expected_epochs_of_a_search() -> None:
    assert expected_epochs(9, 9, [1, 3], 3) == 9 * 1 + 3 * 2 + 1 * 6
    assert expected_epochs(5, 4, [], 3) == 20
    assert expected_epochs(1, 9, [1, 3], 3) == 9


@given(st.lists(st.tuples(LOSS, LOSS), min_size=9, max_size=20), st.randoms())
def test_what_was_seen_before_goes_on_as_before(
    points: list[tuple[float, float]], shuffler: random.Random
) -> None:
    """A driver that takes a search up tells what it knows in another order; ties are as before."""
    numbers = shuffler.sample(range(len(points)), len(points))
    first = Promotion([1, 3], 3)
    for number in numbers:
        first.report(number, 1, points[number])
    promoted = []
    for _ in range(3):
        following = early(first)
        assert following is not None
        first.promote(following)
        first.report(following, 3, points[following])
        promoted.append(following)

    again = Promotion([1, 3], 3)
    for number, losses in enumerate(points):
        again.report(number, 1, losses)
        if number in promoted:
            again.report(number, 3, losses)
    assert early(again) == early(first)
    assert at_last(again) == at_last(first)


@pytest.mark.parametrize(
    ("rungs", "factor", "said"),
    [([2, 1], 3, "ascending"), ([0], 3, "from 1"), ([1], 1, "above 1")],
)
def test_impossible_settings_are_refused(rungs: list[int], factor: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Promotion(rungs, factor)


def test_what_cannot_be_compared_is_refused() -> None:
    promotion = Promotion([1], 3)
    promotion.report(0, 1, [0.5, 3])
    with pytest.raises(ValueError, match="trial 7 has 1 losses at epoch 1, those before had 2"):
        promotion.report(7, 1, [0.5])
    with pytest.raises(ValueError, match="finite"):
        promotion.report(8, 1, [math.nan, 1])
