"""Knee, limits and hypervolume, each against its definition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.front.queries import (
    hypervolume,
    knee,
    parse_limits,
    primitive_counts,
    reference_point,
    under,
    why_no_knee,
)
from nas.storage.candidates import Candidate, pareto_front
from tests.analysis.invented import candidate, search_of

X, Y = "params", "val_accuracy"

few = settings(max_examples=60, deadline=None, derandomize=True, database=None)
points = st.lists(
    st.tuples(st.integers(0, 20).map(lambda v: v / 20), st.integers(1, 60).map(float)),
    max_size=9,
)


def front_of(*pairs: tuple[float, float]) -> list[Candidate]:
    """Candidates from (params, val_accuracy)."""
    return [candidate(i, accuracy, params) for i, (params, accuracy) in enumerate(pairs)]


def test_knee_is_by_log_cost() -> None:
    # Normalised accuracies 0, 0.6, 0.9, 1. Log costs: 0, 0.151, 0.651, 1, so above the chord by
    # 0.449 and 0.249. Linear costs: 0, 0.010, 0.192, 1, so by 0.590 and 0.708: another knee.
    members = front_of((1e3, 0.5), (2e3, 0.8), (20e3, 0.95), (100e3, 1.0))
    assert knee(members, X, Y) is members[1]


@pytest.mark.parametrize("x", ["params", "macs", "activations", "latency_ms"])
def test_knee_works_for_every_cost_and_any_unit(x: str) -> None:
    costs = (0.2, 0.5, 9.0)
    members = [
        candidate(i, accuracy, **{x: cost})
        for i, (cost, accuracy) in enumerate(zip(costs, (0.1, 0.9, 0.95), strict=True))
    ]
    assert knee(members, x, Y) is members[1]


def test_knee_of_equally_far_members_is_the_cheaper() -> None:
    # Log costs 0, 1/3, 2/3, 1; normalised accuracies 0, 1/3 + 0.2, 2/3 + 0.2, 1.
    pairs = ((1.0, 0.0), (10.0, 1 / 3 + 0.2), (100.0, 2 / 3 + 0.2), (1000.0, 1.0))
    members = front_of(*pairs)
    assert knee(members, X, Y) is members[1]
    assert knee(members[::-1], X, Y) is members[1]


def test_knee_is_never_a_dip_below_the_chord() -> None:
    # Above the chord by 0.05 (10 params) and below it by 0.5 (100 params).
    members = front_of((1, 0.0), (10, 0.30), (100, 0.31), (10_000, 1.0))
    assert knee(members, X, Y) is members[1]


@pytest.mark.parametrize(
    "pairs",
    [
        ((1, 0.0), (100, 0.1), (10_000, 1.0)),
        ((1, 0.1), (10, 0.2), (100, 0.3), (1000, 0.4)),
    ],
    ids=["below the chord", "on the chord"],
)
def test_a_front_without_a_member_above_the_chord_has_no_knee(
    pairs: tuple[tuple[float, float], ...],
) -> None:
    assert knee(front_of(*pairs), X, Y) is None
    assert "no member lies above the line" in why_no_knee(front_of(*pairs), X, Y)


@few
@given(st.integers(3, 9), st.floats(1.01, 9), st.floats(0.01, 50))
def test_rounding_does_not_make_a_knee_of_a_straight_front(
    count: int, ratio: float, cheapest: float
) -> None:
    members = front_of(*((cheapest * ratio**i, 0.1 + 0.07 * i) for i in range(count)))
    assert knee(members, X, Y) is None


def test_knee_of_candidates_with_equal_metrics_does_not_depend_on_their_order() -> None:
    twins = [candidate(4 + i, 0.8, 2e3) for i in range(3)]
    ends = [candidate(0, 0.5, 1e3), candidate(1, 1.0, 100e3)]
    chosen = {
        a_knee.arch_id
        for order in (twins, twins[::-1], [twins[1], twins[0], twins[2]])
        if (a_knee := knee([*order, *ends], X, Y))
    }
    assert chosen == {min(twin.arch_id for twin in twins)}


def test_fewer_than_three_members_have_no_knee() -> None:
    pairs = ((5.0, 0.5), (6.0, 0.6))
    for count, said in enumerate(("there are 0", "there is 1", "there are 2")):
        assert knee(front_of(*pairs[:count]), X, Y) is None
        assert why_no_knee(front_of(*pairs[:count]), X, Y).endswith(said)


def test_the_knee_is_that_of_fresh_values_not_of_those_that_chose_the_front() -> None:
    """By the choosing values member 1 is far above the chord, by fresh ones member 2 is."""
    members = [
        candidate(i, accuracy, params, n=2, deviation=0.01)
        for i, (params, accuracy) in enumerate([(1, 0.0), (10, 0.4), (100, 0.9), (1000, 1.0)])
    ]
    chosen_by = (0.0, 0.9, 0.91, 1.0)
    members = [
        replace(member, choice={X: member.metrics[X], Y: worth})
        for member, worth in zip(members, chosen_by, strict=True)
    ]
    assert knee(members, X, Y) is members[2]
    assert [m.arch_id for m in pareto_front(members, [Y, X])] == [m.arch_id for m in members]


def test_a_member_that_fresh_values_dominate_does_not_count_for_the_knee() -> None:
    members = front_of((1, 0.2), (10, 0.6), (100, 0.5))  # the last one cost more and got less
    members = [replace(m, choice={X: m.metrics[X], Y: m.metrics[X] / 100}) for m in members]
    assert len(pareto_front(members, [Y, X])) == 3
    assert knee(members, X, Y) is None
    assert why_no_knee(members, X, Y).endswith("there are 2")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused_wherever_they_would_be_compared(
    bad: float,
) -> None:
    """A NaN accuracy with the fewest parameters would throw every other member off the front."""
    members = front_of((1e3, 0.5), (2e3, 0.8), (20e3, 0.95))
    name = members[0].arch_id
    wrong = [candidate(0, bad, 1e3), *members[1:]]
    costly = [candidate(0, 0.5, bad), *members[1:]]
    for members, metric in ((wrong, Y), (costly, X)):
        said = f"{name}: {metric} must be a finite number, got {bad}"
        with pytest.raises(ValueError, match=said):
            pareto_front(members, [Y, X])
        with pytest.raises(ValueError, match=said):
            knee(members, X, Y)
        with pytest.raises(ValueError, match=said):
            reference_point(members, [Y, X])
        with pytest.raises(ValueError, match=said):
            hypervolume(members, [Y, X], {Y: 0.0, X: 1e6})
    with pytest.raises(ValueError, match="the reference point's values must be finite numbers"):
        hypervolume(members, [Y, X], {Y: bad, X: 1e6})


def test_knee_leaves_out_what_is_not_on_the_front_or_not_measured() -> None:
    unmeasured, dominated = candidate(8, 0.99), candidate(9, 0.1, 5000.0)
    members = front_of((1e3, 0.5), (2e3, 0.8), (20e3, 0.95), (100e3, 1.0))
    assert knee([unmeasured, dominated, *members], X, Y) is members[1]
    assert knee([unmeasured], X, Y) is None


def test_knee_refuses_what_it_cannot_scale() -> None:
    members = front_of((0, 0.5), (2e3, 0.8), (20e3, 0.95))
    with pytest.raises(ValueError, match="positive to be on a log scale, got params=0"):
        knee(members, X, Y)
    with pytest.raises(ValueError, match="unknown cost 'param'; did you mean 'params'"):
        knee(members, "param", Y)
    with pytest.raises(ValueError, match="unknown metric to maximise 'macs'"):
        knee(members, X, "macs")


@few
@given(points)
def test_front_is_nondominated_and_the_knee_is_its_member_farthest_above_the_chord(
    drawn: list[tuple[float, float]],
) -> None:
    candidates = [candidate(i, accuracy, params) for i, (accuracy, params) in enumerate(drawn)]
    front = pareto_front(candidates, [Y, X])
    for one, other in combinations(front, 2):
        assert (one.metrics[Y] - other.metrics[Y]) * (one.metrics[X] - other.metrics[X]) > 0
    chosen = knee(front, X, Y)
    assert knee(front[::-1], X, Y) is chosen
    best = max((_above_chord(m, front) for m in front), default=0.0) if len(front) > 2 else 0.0
    assert (chosen is None) == (best < 1e-9)
    if chosen is not None:
        assert chosen in front
        assert _above_chord(chosen, front) == pytest.approx(best, abs=1e-8)


def _above_chord(member: Candidate, front: Sequence[Candidate]) -> float:
    """The signed distance to the line through the normalised ends."""
    (x0, x1), (y0, y1) = ((front[0].metrics[name], front[-1].metrics[name]) for name in (X, Y))
    x = math.log(member.metrics[X] / x0) / math.log(x1 / x0)
    y = (member.metrics[Y] - y0) / (y1 - y0)
    return (y - x) / math.sqrt(2)


def test_under_keeps_what_is_within_all_limits() -> None:
    candidates = [
        candidate(0, 0.5, 100.0, macs=10.0),
        candidate(1, 0.6, 200.0, macs=10.0),
        candidate(2, 0.7, 100.0, macs=11.0),
        candidate(3, 0.7, 100.0),  # its MACs are not known
    ]
    assert under(candidates, {"params": 100, "macs": 10}) == [candidates[0]]
    assert under(candidates, {"params": 100}) == [candidates[0], candidates[2], candidates[3]]
    assert under(candidates, {"latency_ms": 1e9}) == []
    assert under(candidates, {}) == candidates
    with pytest.raises(ValueError, match="unknown cost 'latency'; did you mean 'latency_ms'"):
        under(candidates, {"latency": 5})
    with pytest.raises(ValueError, match="unknown cost 'zebra'; known: params, macs"):
        under([], {"zebra": 5})


def test_parse_limits() -> None:
    assert parse_limits("macs=40M,latency_ms=5") == {"macs": 40e6, "latency_ms": 5}
    assert parse_limits(" params = 250k , activations=1.5G ") == {
        "params": 250e3,
        "activations": 1.5e9,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "written as macs=40M,latency_ms=5, got ''"),
        ("macs", "got 'macs' in 'macs'"),
        ("macs=", "got 'macs='"),
        ("=4", "got '=4'"),
        ("macs=1,,params=2", "got '' in"),
        ("mac=40M", "unknown cost 'mac'; did you mean 'macs'"),
        ("val_accuracy=0.9", "unknown cost 'val_accuracy'"),
        ("macs=1,macs=2", "macs is given twice"),
        ("macs=4X", "macs: a limit must be a positive number such as .* got '4X'"),
        ("macs=-1", "macs: a limit must be a positive number"),
        ("macs=1=2", "macs: a limit must be a positive number"),
    ],
)
def test_parse_limits_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_limits(text)


def test_hypervolume_by_hand() -> None:
    members = front_of((100, 0.6), (150, 0.9))
    # Up to 200 params and down to 0.5: (200 - 150) (0.9 - 0.5) + (150 - 100) (0.6 - 0.5)
    reference = {"params": 200.0, "val_accuracy": 0.5}
    assert hypervolume(members, [Y, X], reference) == pytest.approx(25)
    assert hypervolume(members, [X, Y], reference) == pytest.approx(25)
    assert hypervolume([*members, candidate(5, 0.4, 10.0)], [Y, X], reference) == pytest.approx(25)
    assert hypervolume([*members, candidate(5, 0.95)], [Y, X], reference) == pytest.approx(25)
    assert hypervolume([], [Y, X], reference) == 0
    assert hypervolume(members, [Y], reference) == pytest.approx(0.4)


@few
@given(points, st.integers(1, 3))
def test_hypervolume_by_inclusion_and_exclusion(
    drawn: list[tuple[float, float]], count: int
) -> None:
    candidates = [
        candidate(i, accuracy, params, macs=(7 * params) % 41 + 1)
        for i, (accuracy, params) in enumerate(drawn[:6])
    ]
    objectives = [Y, X, "macs"][:count]
    reference = {Y: 0.2, X: 50.0, "macs": 30.0}
    extents = [
        [max(0.0, (c.metrics[o] - reference[o]) * (1 if o == Y else -1)) for o in objectives]
        for c in candidates
    ]
    expected = sum(
        (-1) ** (size + 1) * math.prod(np.min(boxes, axis=0))
        for size in range(1, len(extents) + 1)
        for boxes in combinations(extents, size)
    )
    assert hypervolume(candidates, objectives, reference) == pytest.approx(expected, abs=1e-9)


def test_hypervolume_refuses_objectives_it_cannot_place() -> None:
    with pytest.raises(ValueError, match=r"lacks params, got \{'val_accuracy': 0"):
        hypervolume([], [Y, X], {Y: 0})
    with pytest.raises(ValueError, match="unknown metric 'accuracy'; did you mean 'val_accuracy'"):
        hypervolume([], ["accuracy"], {"accuracy": 0})
    with pytest.raises(ValueError, match="each once"):
        hypervolume([], [Y, Y], {Y: 0})
    with pytest.raises(ValueError, match="one metric or more"):
        hypervolume([], [], {})


def test_reference_point_is_the_worst_of_all_candidates() -> None:
    candidates = [*front_of((100, 0.6), (150, 0.9), (900, 0.2)), candidate(7, 0.01)]
    assert reference_point(candidates, [Y, X]) == {"val_accuracy": 0.2, "params": 900}
    with pytest.raises(ValueError, match="no candidate has all of val_accuracy, macs"):
        reference_point(candidates, [Y, "macs"])


def test_primitive_counts_are_of_distinct_architectures() -> None:
    candidates = list(search_of(20))
    counts = primitive_counts([*candidates, *candidates[:5]])
    kinds = {kind for c in candidates for kind in c.architecture.primitive_types()}
    assert counts == {
        kind: sum(kind in c.architecture.primitive_types() for c in candidates) for kind in kinds
    }
    assert len(kinds) > 1
    assert primitive_counts([]) == {}
