"""The table of metrics agrees with what is limited, optimised, costed and shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest

from nas.config.search_config import SearchConfig
from nas.costs.limits import Limits
from nas.costs.static_costs import StaticCosts
from nas.metrics import COSTS, COUNTS, MAXIMISED, METRICS, Objective, losses
from search_space.architecture import Task
from search_space.space import SearchSpace


def test_what_can_be_limited_is_what_the_limits_have() -> None:
    assert set(COSTS) == set(Limits.model_fields)
    assert not set(COSTS) & set(MAXIMISED)


def test_every_objective_has_a_direction_and_a_label() -> None:
    for name in get_args(Objective):
        assert METRICS[name].direction == ("maximize" if "accuracy" in name else "minimize")
        assert METRICS[name].label
        assert METRICS[name].heading


def test_static_costs_are_those_known_before_training(small_space: SearchSpace, task: Task) -> None:
    costs = StaticCosts(small_space, task, batch_size=8)
    assert all(METRICS[name].is_static for name in costs.names)
    metrics = costs.of(next(small_space.architectures()))
    assert {name for name, value in metrics.items() if isinstance(value, int)} == set(COUNTS)


def test_losses_negate_what_is_maximised_and_keep_the_order_asked_for() -> None:
    metrics = {"val_accuracy": 0.5, "params": 3, "latency_ms": 1.5, "test_accuracy": 0.25}
    assert losses(metrics, ["params", "test_accuracy", "val_accuracy"]) == [3, -0.25, -0.5]
    assert losses(metrics, ()) == []
    assert losses({"worth": 2.0, "cost": 3.0}, ["worth", "cost"], ["worth"]) == [-2.0, 3.0]
    with pytest.raises(KeyError):
        losses({"speed": 1.0}, ["val_accuracy"])


@pytest.mark.parametrize(
    ("objectives", "compared", "cost"),
    [
        (["params", "val_accuracy"], ("val_accuracy", "params"), "params"),
        (["val_accuracy", "macs"], ("val_accuracy", "macs"), "macs"),
        (["val_accuracy_by_latency"], ("val_accuracy_by_latency",), "latency_ms"),
        (["val_accuracy"], ("val_accuracy",), "params"),
    ],
)
def test_a_search_reads_its_objectives_in_the_table(
    config_of: Callable[..., SearchConfig],
    objectives: list[str],
    compared: tuple[str, ...],
    cost: str,
) -> None:
    by_latency = "val_accuracy_by_latency" in objectives
    latency = {"latency": {"target_ms": 1.0}} if by_latency else {}
    config = config_of(objectives=objectives, **latency)
    assert config.compared_objectives == compared
    assert config.cost_objective == cost
    assert config.uses_latency == by_latency


def test_units_follow_the_label_on_an_axis_unless_the_label_has_them() -> None:
    assert METRICS["params"].axis_label == "parameters"
    assert METRICS["latency_ms"].axis_label == "latency, ms"
    assert METRICS["val_accuracy"].axis_label == "validation accuracy, %"
