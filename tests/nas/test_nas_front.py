"""From evaluations to candidates, and from candidates to the front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.evaluation_row import Evaluation
from nas.front import Candidate, candidates, losses, pareto_front
from search_space.architecture import Architecture
from search_space.space import SearchSpace


@pytest.fixture(scope="module")
def networks(small_space: SearchSpace) -> list[Architecture]:
    return list(small_space.architectures())[:12]


def row(architecture: Architecture | None, metrics: dict[str, float], **changes: Any) -> Evaluation:
    values: dict[str, Any] = {
        "kind": "search",
        "number": 0,
        "state": "complete",
        "architecture": architecture,
        "seed": 0,
        "recipe_id": "proxy",
        "metrics": metrics,
        "curve": [],
        "device_seconds": 2.0,
        "error": None,
        "violation": {},
        "started": None,
        "finished": None,
    }
    return Evaluation(**values | changes)


def candidate(architecture: Architecture, **metrics: float) -> Candidate:
    return Candidate(architecture, metrics, n=1, deviation=None, device_seconds=0.0)


def test_means_and_errors_by_hand(networks: list[Architecture]) -> None:
    first, second = networks[:2]
    rows = [
        row(first, {"val_accuracy": 0.80, "params": 100.0}),
        row(second, {"val_accuracy": 0.60, "params": 50.0}, device_seconds=7.0),
        row(first, {"val_accuracy": 0.90, "params": 100.0}, seed=1, kind="repeats"),
        row(first, {"val_accuracy": 0.85, "params": 100.0}, seed=2, kind="repeats"),
    ]
    found = candidates(rows)
    assert [c.arch_id for c in found] == [first.arch_id, second.arch_id]
    assert found[0].metrics == pytest.approx({"val_accuracy": 0.85, "params": 100.0})
    assert (found[0].n, found[1].n) == (3, 1)
    # squares of -0.05, 0.05 and 0, over n - 1 = 2
    assert found[0].deviation == pytest.approx(0.05)
    assert found[0].standard_error == pytest.approx(0.05 / math.sqrt(3))
    assert (found[1].deviation, found[1].standard_error) == (None, None)
    assert [c.device_seconds for c in found] == [6.0, 7.0]


def test_equal_repeats_have_no_deviation(networks: list[Architecture]) -> None:
    (found,) = candidates([row(networks[0], {"val_accuracy": 0.5})] * 2)
    assert (found.deviation, found.standard_error) == (0.0, 0.0)


@pytest.mark.parametrize("state", ["pruned", "fail", "running"])
def test_only_complete_rows_count(networks: list[Architecture], state: str) -> None:
    whole = row(networks[0], {"val_accuracy": 0.5})
    other = row(networks[0], {}, state=state, curve=[{"epoch": 1, "val_accuracy": 0.9}])
    alone = row(networks[1], {}, state=state)
    (found,) = candidates([other, whole, alone, row(None, {}, state=state)])
    assert found.n == 1
    assert found.metrics["val_accuracy"] == 0.5


def test_a_metric_that_one_evaluation_lacks_is_left_out(networks: list[Architecture]) -> None:
    rows = [
        row(networks[0], {"val_accuracy": 0.5, "latency_ms": 3.0}),
        row(networks[0], {"val_accuracy": 0.7}),
    ]
    (found,) = candidates(rows)
    assert found.metrics == pytest.approx({"val_accuracy": 0.6})


def test_no_candidates_no_front() -> None:
    assert candidates([]) == []
    assert pareto_front([], ["val_accuracy", "params"]) == []
    assert losses([], ["val_accuracy", "params"]).shape == (0, 2)


def test_losses_turn_what_is_maximised_around(networks: list[Architecture]) -> None:
    found = [candidate(networks[0], val_accuracy=0.5, params=3, test_accuracy=0.25)]
    assert losses(found, ["params", "val_accuracy", "test_accuracy"]).tolist() == [
        [3.0, -0.5, -0.25]
    ]


def test_candidates_without_an_objective_are_not_on_the_front(
    networks: list[Architecture],
) -> None:
    timed = candidate(networks[0], val_accuracy=0.5, latency_ms=2.0)
    untimed = candidate(networks[1], val_accuracy=0.9)
    assert pareto_front([untimed, timed], ["val_accuracy", "latency_ms"]) == [timed]
    assert pareto_front([untimed, timed], ["val_accuracy"]) == [untimed]
    assert pareto_front([untimed], ["val_accuracy", "latency_ms"]) == []


def test_of_equal_candidates_the_first_is_kept(networks: list[Architecture]) -> None:
    twins = [candidate(n, val_accuracy=0.5, params=3.0) for n in networks[:3]]
    assert pareto_front(twins, ["val_accuracy", "params"]) == [twins[0]]
    assert pareto_front(twins[::-1], ["val_accuracy"]) == [twins[2]]


def by_brute_force(found: Sequence[Candidate], objectives: Sequence[str]) -> set[str]:
    """The rule read aloud: nothing is as good everywhere and better somewhere, or equal before."""

    def loss(c: Candidate) -> list[float]:
        return [-c.metrics[o] if o.endswith("accuracy") else c.metrics[o] for o in objectives]

    def beats(other: int, one: int) -> bool:
        a, b = loss(found[other]), loss(found[one])
        if a == b:
            return other < one
        return all(x <= y for x, y in zip(a, b, strict=True))

    indices = range(len(found))
    return {
        found[one].arch_id
        for one in indices
        if not any(beats(other, one) for other in indices if other != one)
    }


few_values = st.integers(min_value=0, max_value=3)  # so that ties are common


@given(
    points=st.lists(st.tuples(few_values, few_values, few_values), max_size=12),
    objectives=st.permutations(["val_accuracy", "params", "macs"]).flatmap(
        lambda names: st.integers(1, 3).map(lambda n: names[:n])
    ),
)
def test_front_is_that_of_brute_force(
    networks: list[Architecture], points: list[tuple[int, int, int]], objectives: list[str]
) -> None:
    found = [
        candidate(network, val_accuracy=a / 4, params=100.0 * p, macs=1000.0 * m)
        for network, (a, p, m) in zip(networks, points, strict=False)
    ]
    front = pareto_front(found, objectives)
    assert {c.arch_id for c in front} == by_brute_force(found, objectives)
    assert len({c.arch_id for c in front}) == len(front)
    last = [c.metrics[objectives[-1]] for c in front]
    assert last == sorted(last)


def test_front_of_many_is_that_of_brute_force(small_space: SearchSpace) -> None:
    rng = np.random.default_rng(0)
    found = [
        candidate(network, val_accuracy=float(rng.random()), params=float(rng.random()))
        for network in small_space.architectures()
    ]
    front = pareto_front(found, ["val_accuracy", "params"])
    assert {c.arch_id for c in front} == by_brute_force(found, ["val_accuracy", "params"])
    assert 2 < len(front) < len(found)
