"""Optimisers against recurrences of plain numbers, written apart from them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from trainers import Recipe
from trainers.optimization.optimizers import build_optimizer

GRADIENTS = [3.0, -1.0, 0.5, 2.0, 0.0, -4.0, 1.0, 1.0, 0.25, -0.5]
RATES = [0.1, 0.1, 0.05, 0.05, 0.2, 0.2, 0.1, 0.0, 0.1, 0.1]
DECAY = 0.5  # of weights


def sgd(weight: float, *, nesterov: bool) -> Iterator[float]:
    velocity = 0.0
    for gradient, rate in zip(GRADIENTS, RATES, strict=True):
        total = gradient + DECAY * weight
        velocity = 0.9 * velocity + total
        weight -= rate * (total + 0.9 * velocity if nesterov else velocity)
        yield weight


def adamw(weight: float) -> Iterator[float]:
    mean = square = 0.0
    for step, (gradient, rate) in enumerate(zip(GRADIENTS, RATES, strict=True), start=1):
        weight -= rate * DECAY * weight
        mean = 0.8 * mean + 0.2 * gradient
        square = 0.99 * square + 0.01 * gradient**2
        root = math.sqrt(square / (1 - 0.99**step)) + 1e-3
        weight -= rate * mean / (1 - 0.8**step) / root
        yield weight


def rmsprop(weight: float) -> Iterator[float]:
    """As ``ApplyRMSProp`` of TensorFlow is documented."""
    square, velocity = 1.0, 0.0
    for gradient, rate in zip(GRADIENTS, RATES, strict=True):
        total = gradient + DECAY * weight
        square += (total**2 - square) * (1 - 0.9)
        velocity = 0.8 * velocity + rate * total / math.sqrt(square + 1e-3)
        weight -= velocity
        yield weight


CASES: list[tuple[dict[str, Any], Iterator[float]]] = [
    ({"name": "sgd", "momentum": 0.9}, sgd(2.0, nesterov=False)),
    ({"name": "sgd", "momentum": 0.9, "nesterov": True}, sgd(2.0, nesterov=True)),
    ({"name": "adamw", "beta1": 0.8, "beta2": 0.99, "epsilon": 1e-3}, adamw(2.0)),
    ({"name": "rmsprop", "decay": 0.9, "momentum": 0.8, "epsilon": 1e-3}, rmsprop(2.0)),
]


@pytest.mark.parametrize(
    ("settings", "expected"), CASES, ids=["sgd", "nesterov", "adamw", "rmsprop"]
)
def test_ten_steps_are_the_recurrence(settings: dict[str, Any], expected: Iterator[float]) -> None:
    model = nn.Linear(1, 1)
    nn.init.constant_(model.weight, 2.0)
    nn.init.constant_(model.bias, 1.0)
    plain = {"epochs": 1, "batch_size": 2, "learning_rate": 0.1, "weight_decay": DECAY}
    optimizer = build_optimizer(model, Recipe.model_validate(plain | {"optimizer": settings}))
    for gradient, rate, weight in zip(GRADIENTS, RATES, expected, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = rate
        model.weight.grad, model.bias.grad = torch.full((1, 1), gradient), torch.zeros(1)
        optimizer.step()
        assert model.weight.item() == pytest.approx(weight, rel=1e-5)
    assert model.bias.item() == 1.0  # no decay


def test_rmsprop_goes_on_from_its_state() -> None:
    def steps(count: int, state: dict[str, Any] | None, weight: float) -> tuple[float, Any]:
        model = nn.Linear(1, 1, bias=False)
        nn.init.constant_(model.weight, weight)
        settings = {"epochs": 1, "batch_size": 2, "learning_rate": 0.1}
        recipe = Recipe.model_validate(settings | {"optimizer": {"name": "rmsprop"}})
        optimizer = build_optimizer(model, recipe)
        if state is not None:
            optimizer.load_state_dict(state)
        for _ in range(count):
            optimizer.zero_grad()
            (model.weight**2).sum().backward()
            optimizer.step()
        return model.weight.item(), optimizer.state_dict()

    whole, _ = steps(5, None, 1.0)
    half, state = steps(2, None, 1.0)
    assert steps(3, state, half)[0] == whole
