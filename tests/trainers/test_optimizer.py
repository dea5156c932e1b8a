from __future__ import annotations

import pytest
import torch
from torch import nn

from trainers import Recipe
from trainers.optimizer import build_optimizer, parameter_groups


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.projection = nn.Conv2d(2, 4, 1)
        self.norm = nn.BatchNorm2d(4)
        self.height_embedding = nn.Parameter(torch.zeros(7, 4))
        self.frozen = nn.Parameter(torch.zeros(3, 3), requires_grad=False)


def test_weight_decay_spares_vectors_and_embeddings() -> None:
    model = nn.Sequential(Attention(), nn.Linear(4, 3))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decayed, spared = parameter_groups(model, 0.3)
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.3, 0.0)
    assert {names[id(p)] for p in decayed["params"]} == {"0.projection.weight", "1.weight"}
    assert {names[id(p)] for p in spared["params"]} == {
        "0.projection.bias",
        "0.norm.weight",
        "0.norm.bias",
        "0.height_embedding",
        "1.bias",
    }


def test_two_steps_follow_the_nesterov_formula() -> None:
    model = nn.Linear(1, 1)
    nn.init.constant_(model.weight, 2.0)
    nn.init.constant_(model.bias, 1.0)
    recipe = Recipe(epochs=1, batch_size=2, learning_rate=0.1, momentum=0.9, weight_decay=0.5)
    optimizer = build_optimizer(model, recipe)
    weight, velocity = 2.0, 0.0
    for _ in range(2):
        model.weight.grad, model.bias.grad = torch.full((1, 1), 3.0), torch.zeros(1)
        optimizer.step()
        gradient = 3.0 + 0.5 * weight
        velocity = 0.9 * velocity + gradient
        weight -= 0.1 * (gradient + 0.9 * velocity)
    assert model.weight.item() == pytest.approx(weight)
    assert model.bias.item() == 1.0


def test_a_model_without_parameters_is_refused() -> None:
    with pytest.raises(ValueError, match="Flatten has no trainable parameter"):
        parameter_groups(nn.Flatten(), 0.1)
