"""Evaluations become candidates, and candidates the front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.storage.candidates import (
    Candidate,
    candidates,
    finite_losses,
    front_by_value,
    most_accurate,
    pareto_front,
)
from nas.storage.evaluation import Evaluation
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
        "network": architecture,
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
    return Candidate(
        architecture,
        metrics,
        choice=metrics,
        n=1,
        is_fresh=False,
        deviation=None,
        as_found=metrics.get("val_accuracy"),
        evaluations=1,
        device_seconds=0.0,
    )


def test_means_and_errors_by_hand(networks: list[Architecture]) -> None:
    first, second = networks[:2]
    rows = [
        row(first, {"val_accuracy": 0.80, "params": 100.0}),
        row(second, {"val_accuracy": 0.60, "params": 50.0}, device_seconds=7.0),
        row(first, {"val_accuracy": 0.90, "params": 100.0}, seed=1, kind="repeats"),
        row(first, {"val_accuracy": 0.85, "params": 100.0}, seed=2, kind="repeats"),
    ]
    summed = candidates(rows)
    assert [c.arch_id for c in summed] == [first.arch_id, second.arch_id]
    # valued by seeds 1 and 2, chosen by all three
    assert summed[0].metrics == pytest.approx({"val_accuracy": 0.875, "params": 100.0})
    assert summed[0].choice == pytest.approx({"val_accuracy": 0.85, "params": 100.0})
    assert (summed[0].as_found, summed[0].is_fresh, summed[0].n) == (0.80, True, 2)
    # squares of 0.025 and -0.025, over n - 1 = 1
    assert summed[0].deviation == pytest.approx(0.05 / math.sqrt(2))
    assert summed[0].standard_error == pytest.approx(0.05 / 2)
    assert summed[1].metrics == summed[1].choice == {"val_accuracy": 0.60, "params": 50.0}
    assert (summed[1].as_found, summed[1].is_fresh, summed[1].n) == (0.60, False, 1)
    assert (summed[1].deviation, summed[1].standard_error) == (None, None)
    assert [c.device_seconds for c in summed] == [6.0, 7.0]
    assert [c.evaluations for c in summed] == [3, 1]


def test_equal_repeats_have_no_deviation(networks: list[Architecture]) -> None:
    fresh = row(networks[0], {"val_accuracy": 0.5}, kind="repeats")
    (candidate,) = candidates([fresh] * 2)
    assert (candidate.deviation, candidate.standard_error) == (0.0, 0.0)


@pytest.mark.parametrize("kind", ["baselines", "retrain"])
def test_what_no_search_chose_is_fresh(networks: list[Architecture], kind: str) -> None:
    (candidate,) = candidates([row(networks[0], {"val_accuracy": 0.5}, kind=kind)])
    assert (candidate.is_fresh, candidate.n, candidate.as_found) == (True, 1, None)
    assert candidate.metrics == candidate.choice == {"val_accuracy": 0.5}


def test_the_front_is_chosen_by_all_evaluations_and_valued_by_fresh_ones(
    networks: list[Architecture],
) -> None:
    """The dearer network stays on the front, although fresh seeds find it the worse one."""
    cheap, dear = networks[:2]
    rows = [
        row(cheap, {"val_accuracy": 0.70, "params": 10.0}),
        row(dear, {"val_accuracy": 0.90, "params": 20.0}),
        row(cheap, {"val_accuracy": 0.72, "params": 10.0}, seed=1, kind="repeats"),
        row(dear, {"val_accuracy": 0.68, "params": 20.0}, seed=1, kind="repeats"),
    ]
    front = pareto_front(candidates(rows), ["val_accuracy", "params"])
    assert [member.architecture for member in front] == [cheap, dear]
    assert [member.metrics["val_accuracy"] for member in front] == [0.72, 0.68]
    by_value = front_by_value(front, ["val_accuracy", "params"])
    assert [member.architecture for member in by_value] == [cheap]


def test_fresh_means_of_what_a_search_chose_are_not_flattered(
    networks: list[Architecture],
) -> None:
    """All networks are equally good: what chooses the best of them is noise alone."""
    rng = np.random.default_rng(0)
    own, fresh = [], []
    for _ in range(400):
        first = rng.normal(0.8, 0.02, len(networks))
        best = int(np.argmax(first))
        rows = [
            row(network, {"val_accuracy": float(value), "params": 1.0})
            for network, value in zip(networks, first, strict=True)
        ]
        repeat = {"val_accuracy": float(rng.normal(0.8, 0.02)), "params": 1.0}
        rows.append(row(networks[best], repeat, seed=1, kind="repeats"))
        member = next(c for c in candidates(rows) if c.architecture == networks[best])
        assert member.as_found is not None
        own.append(member.as_found)
        fresh.append(member.metrics["val_accuracy"])
    assert np.mean(own) > 0.8 + 0.02
    assert np.mean(fresh) == pytest.approx(0.8, abs=0.004)


def test_the_most_accurate_by_fresh_values_if_all_have_some(networks: list[Architecture]) -> None:
    rows = [
        row(networks[0], {"val_accuracy": 0.9, "params": 1.0}),
        row(networks[1], {"val_accuracy": 0.8, "params": 2.0}),
        row(networks[0], {"val_accuracy": 0.5, "params": 1.0}, kind="repeats"),
        row(networks[1], {"val_accuracy": 0.55, "params": 2.0}, kind="repeats"),
    ]
    assert most_accurate([]) is None
    for known, best in ((2, 0), (3, 1), (4, 1)):  # 3: 0.7 of the one by all, 0.8 of the other
        best_candidate = most_accurate(candidates(rows[:known]))
        assert best_candidate is not None
        assert best_candidate.architecture == networks[best]


@pytest.mark.parametrize("state", ["pruned", "fail", "running"])
def test_only_complete_rows_count(networks: list[Architecture], state: str) -> None:
    whole = row(networks[0], {"val_accuracy": 0.5})
    other = row(networks[0], {}, state=state, curve=[{"epoch": 1, "val_accuracy": 0.9}])
    alone = row(networks[1], {}, state=state)
    (candidate,) = candidates([other, whole, alone, row(None, {}, state=state)])
    assert candidate.n == 1
    assert candidate.metrics["val_accuracy"] == 0.5


def test_a_metric_that_one_evaluation_lacks_is_left_out(networks: list[Architecture]) -> None:
    rows = [
        row(networks[0], {"val_accuracy": 0.5, "latency_ms": 3.0}),
        row(networks[0], {"val_accuracy": 0.7}),
    ]
    (candidate,) = candidates(rows)
    assert candidate.metrics == pytest.approx({"val_accuracy": 0.6})


def test_no_candidates_no_front() -> None:
    assert candidates([]) == []
    assert pareto_front([], ["val_accuracy", "params"]) == []
    assert finite_losses([], ["val_accuracy", "params"], []).shape == (0, 2)


def test_losses_turn_what_is_maximised_around() -> None:
    metrics = [{"val_accuracy": 0.5, "params": 3.0, "test_accuracy": 0.25}]
    losses = finite_losses(metrics, ["params", "val_accuracy", "test_accuracy"], ["a network"])
    assert losses.tolist() == [[3.0, -0.5, -0.25]]


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


def by_brute_force(evaluated: Sequence[Candidate], objectives: Sequence[str]) -> set[str]:
    """The rule read aloud: nothing is as good everywhere and better somewhere, or equal before."""

    def loss(c: Candidate) -> list[float]:
        return [-c.metrics[o] if o.endswith("accuracy") else c.metrics[o] for o in objectives]

    def beats(other: int, one: int) -> bool:
        a, b = loss(evaluated[other]), loss(evaluated[one])
        if a == b:
            return other < one
        return all(x <= y for x, y in zip(a, b, strict=True))

    indices = range(len(evaluated))
    return {
        evaluated[one].arch_id
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
    evaluated = [
        candidate(network, val_accuracy=a / 4, params=100.0 * p, macs=1000.0 * m)
        for network, (a, p, m) in zip(networks, points, strict=False)
    ]
    front = pareto_front(evaluated, objectives)
    assert {c.arch_id for c in front} == by_brute_force(evaluated, objectives)
    assert len({c.arch_id for c in front}) == len(front)
    last = [c.metrics[objectives[-1]] for c in front]
    assert last == sorted(last)


def test_front_of_many_is_that_of_brute_force(small_space: SearchSpace) -> None:
    rng = np.random.default_rng(0)
    evaluated = [
        candidate(network, val_accuracy=float(rng.random()), params=float(rng.random()))
        for network in small_space.architectures()
    ]
    front = pareto_front(evaluated, ["val_accuracy", "params"])
    assert {c.arch_id for c in front} == by_brute_force(evaluated, ["val_accuracy", "params"])
    assert 2 < len(front) < len(evaluated)
