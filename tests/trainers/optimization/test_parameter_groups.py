"""The parameters that decay, by name, in built networks of every primitive."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from search_space.networks import build
from search_space.zoo import ZOO
from trainers import Recipe
from trainers.optimization.parameter_groups import parameter_groups

NETWORKS = [
    "resnet26",
    "aa_resnet34",
    "aa_mnasnet_100",
    "aa_wide_resnet28_10",
    "sasa_resnet26",
    "bam_resnet50",
    "cbam_resnet50",
    "ge_wide_resnet28_10",
    "gala_resnet50",
    "se_resnet50",
]
"""Between them they have every primitive, stem and channel attention."""


def names(model: nn.Module, **settings: Any) -> set[str]:
    """The names of the parameters that decay."""
    plain = {"epochs": 1, "batch_size": 2, "learning_rate": 0.1, "weight_decay": 0.3}
    groups = parameter_groups(model, Recipe.model_validate(plain | settings))
    by_identity = {id(parameter): name for name, parameter in model.named_parameters()}
    assert sum(len(group["params"]) for group in groups) == len(by_identity)
    return {
        by_identity[id(parameter)]
        for group in groups
        if group["weight_decay"] == 0.3
        for parameter in group["params"]
    }


def is_norm(model: nn.Module, name: str) -> bool:
    module = model.get_submodule(name.rpartition(".")[0])
    return isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_the_papers(name: str) -> None:
    entry = ZOO[name]
    model = build(entry.at_width(0.25), entry.task, seed=0)
    every = {each for each, _ in model.named_parameters()}
    embeddings = {each for each in every if each.endswith("_embedding")}
    norms = {each for each in every if is_norm(model, each)}
    biases = {each for each in every if each.endswith(".bias")} - norms
    gains = {each for each in every if each.endswith((".additive", ".multiplicative"))}  # of GALA
    weights = every - embeddings - norms - biases - gains
    assert all(each.endswith(("weight", "weights")) for each in weights), sorted(weights)
    assert all(model.get_parameter(each).ndim >= 2 for each in weights)
    assert names(model) == weights
    assert names(model, weight_decay_also_on=["batch_norm"]) == weights | norms
    assert names(model, weight_decay_also_on=["biases"]) == weights | biases | gains
    assert names(model, weight_decay_also_on=["position_embeddings"]) == weights | embeddings
    assert bool(embeddings) == name.startswith(("aa_", "sasa_"))


def test_frozen_parameters_are_left_out() -> None:
    model = nn.Linear(2, 2)
    model.bias.requires_grad = False
    settings = Recipe(epochs=1, batch_size=2, learning_rate=1)
    (group,) = parameter_groups(model, settings)
    assert [id(each) for each in group["params"]] == [id(model.weight)]


def test_a_model_without_parameters_is_refused() -> None:
    with pytest.raises(ValueError, match="Flatten has no trainable parameter"):
        parameter_groups(nn.Flatten(), Recipe(epochs=1, batch_size=2, learning_rate=1))


def test_a_parameter_of_a_layer_norm_is_one_of_a_normalisation() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm([2]))
    assert names(model) == {"0.weight"}
    assert torch.is_tensor(model[1].weight)
    assert names(model, weight_decay_also_on=["batch_norm"]) == {"0.weight", "1.weight", "1.bias"}
