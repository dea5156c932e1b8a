"""Costs that are known before anything is built, by the names that limits have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nas.config.search_config import SearchConfig
from nas.costs.limits import Limits
from nas.costs.static_costs import StaticCosts
from nas.storage.ledger import Ledger
from search_space.architecture import Task
from search_space.cost import network_costs, peak_memory_bytes
from search_space.primitives.convolution import Convolution
from search_space.primitives.local_attention import LocalAttention
from search_space.space import SearchSpace
from search_space.yaml_validation import ConfigError
from tests.hand_driven import HandDriven, costs_from


def test_one_by_one_and_many_at_once_are_the_same(small_space: SearchSpace, task: Task) -> None:
    costs = StaticCosts(small_space, task, batch_size=32)
    architectures = list(small_space.architectures())[::7]
    columns = costs.columns([small_space.encode(each) for each in architectures])
    assert costs.names == ("params", "macs", "activations", "peak_memory_mb")
    rows = [costs.of(each) for each in architectures]
    assert columns.tolist() == [[row[name] for name in costs.names] for row in rows]
    for architecture, row in zip(architectures, rows, strict=True):
        exact = network_costs(architecture, task)
        assert [row[name] for name in costs.names[:3]] == list(exact[:3])
        memory = 32 * peak_memory_bytes(architecture, task) + 12 * exact.params
        assert row["peak_memory_mb"] == memory / 1e6
    assert costs.columns(np.empty((0, len(small_space.parameters)), int)).shape == (0, 4)


def test_peak_memory_is_a_limit_like_the_others(
    config_of: Callable[..., SearchConfig],
    in_memory: Callable[[SearchConfig], Ledger],
    propose_from: Callable[..., HandDriven],
    task: Task,
) -> None:
    """Peak memory is that of the full recipe's batch: the proxy's does not matter."""
    recipe = {"epochs": 2, "batch_size": 16, "learning_rate": 0.1}
    config = config_of(retrain=recipe | {"batch_size": 128}, sampler={"name": "random"})
    costs = costs_from(config, task, with_memory=True)
    memory = [costs.of(each)["peak_memory_mb"] for each in costs.space.architectures()]
    limit = float(np.median(memory))
    config = config.replace(limits=Limits(peak_memory_mb=limit))
    proposals = propose_from(config, in_memory(config))
    proposed = [proposals.propose().architecture for _ in range(20)]
    assert all(proposals.costs(each)["peak_memory_mb"] <= limit for each in proposed)
    rejected = proposals.rejections.to_json()["peak_memory_mb"]
    assert rejected["count"] > 0
    assert rejected["smallest"] > limit
    proxy = StaticCosts(costs.space, task, config.proxy.batch_size)
    assert max(proxy.of(each)["peak_memory_mb"] for each in costs.space.architectures()) < limit


def test_without_a_limit_no_primitive_is_asked_for_its_memory(
    config_of: Callable[..., SearchConfig], task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the user's own would have to run a training step, in the driver."""

    def run(*arguments: object) -> None:
        raise AssertionError("a training step ran")

    for primitive in (Convolution, LocalAttention):
        monkeypatch.setattr(primitive, "training_bytes", run)
    costs = costs_from(config_of(), task)
    architectures = list(costs.space.architectures())
    assert costs.names == ("params", "macs", "activations")
    columns = costs.columns([costs.space.encode(each) for each in architectures])
    assert columns.tolist() == [list(costs.of(each).values()) for each in architectures]
    assert costs.columns(np.empty((0, len(costs.space.parameters)), int)).shape == (0, 3)
    limited = costs_from(config_of(limits={"peak_memory_mb": 1}), task)
    with pytest.raises(AssertionError, match="a training step ran"):
        limited.of(architectures[0])


def test_a_limit_needs_its_cost(task: Task, small_space: SearchSpace) -> None:
    exact = network_costs(next(small_space.architectures()), task)
    with pytest.raises(ValueError, match="limits on peak_memory_mb need costs that hold them"):
        Limits(peak_memory_mb=1).static_violations(exact.metrics())
    assert Limits(params=1).static_violations({"params": 2.0}) == {"params": 2.0}


def test_predicted_latency_is_limited_by_the_limit_on_latency() -> None:
    limits = Limits(latency_ms=5)
    assert limits.static_violations({"predicted_latency_ms": 5.1}) == {"predicted_latency_ms": 5.1}
    assert limits.static_violations({"predicted_latency_ms": 5.0}) == {}
    assert limits.static_violations({}) == {}
    assert limits.by_name(["predicted_latency_ms"]) == {
        "predicted_latency_ms": 5.0,
        "latency_ms": 5.0,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latency": {"table": "a.json"}}, "limits.latency_ms, which is not given"),
        (
            {"objectives": ["val_accuracy_by_latency"]},
            "val_accuracy_by_latency and latency.target_ms need each other",
        ),
        ({"latency": {"target_ms": 1.0}}, "need each other"),
        (
            {"latency": {"exponent_within": -0.07, "exponent_over": 0.0}},
            "exponent_over must be at most exponent_within",
        ),
        ({"latency": {"exponent_within": 0.1}}, "less than or equal to 0"),
    ],
    ids=str,
)
def test_settings_of_latency_that_make_no_sense(
    config_of: Callable[..., SearchConfig], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        config_of(**changes)


def test_accuracy_is_weighed_as_mnasnet_weighs_it(config_of: Callable[..., SearchConfig]) -> None:
    config = config_of(objectives=["val_accuracy_by_latency"], latency={"target_ms": 80.0})
    soft = config.latency
    assert soft.weighed(0.75, 80.0) == 0.75
    # The paper's derivation: twice the latency for 5 % of accuracy is about the same.
    assert soft.weighed(0.75 * 1.05, 160.0) == pytest.approx(soft.weighed(0.75, 80.0), rel=2e-3)
    hard = soft.replace(exponent_within=0.0, exponent_over=-1.0)
    assert hard.weighed(0.75, 40.0) == 0.75
    assert hard.weighed(0.75, 160.0) == 0.375
    assert (config.uses_latency, config.cost_objective) == (True, "latency_ms")
