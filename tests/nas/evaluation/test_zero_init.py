"""A recipe's zero_init_residual: where it reaches, and what refuses it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from torch import nn

import nas.evaluation.evaluate
from nas.config.search_config import SearchConfig
from nas.evaluation.evaluate import evaluate
from nas.evaluation.full_training import train_in_full
from nas.search.problem import space_of
from search_space.architecture import Architecture, Task
from search_space.networks.resnet import ResidualBlock
from search_space.yaml_validation import ConfigError
from trainers import DataConfig, Recipe, load_splits

ARCHITECTURE = Architecture.from_json(
    json.dumps(
        {
            "stem": {"type": "conv", "kernel": 3, "stride": 1, "pool": False, "width": 4},
            "stages": [{"width": 4, "stride": 1, "blocks": [{"type": "conv"}, {"type": "conv"}]}],
        }
    )
)
RECIPE = {"epochs": 1, "batch_size": 16, "learning_rate": 0.1}
DATA = DataConfig(name="digits", train_images=20, validation_images=20)


class Built(Exception):
    """The network that was to be trained."""


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], nn.Module]:
    """Runs an iterator until it would train; the network, untrained."""

    def no_training(model: nn.Module, *arguments: Any, **settings: Any) -> NoReturn:
        raise Built(model)

    monkeypatch.setattr(nas.evaluation.evaluate, "Training", no_training)

    def until(events: Any) -> nn.Module:
        with pytest.raises(Built) as caught:
            next(events)
        model = caught.value.args[0]
        assert isinstance(model, nn.Module)
        return model

    return until


def starts_at_zero(model: nn.Module) -> bool:
    scales = [m.last_norm.weight for m in model.modules() if isinstance(m, ResidualBlock)]
    assert len(scales) == 2
    zero = {bool((scale == 0).all()) for scale in scales}
    assert len(zero) == 1
    return zero.pop()


@pytest.mark.parametrize("wanted", [False, True])
def test_a_proxys_recipe_reaches_the_network(
    built: Callable[[Any], nn.Module], task: Task, wanted: bool
) -> None:
    recipe = Recipe(**RECIPE, zero_init_residual=wanted)
    events = evaluate(ARCHITECTURE, load_splits(DATA), task, recipe, seed=0)
    assert starts_at_zero(built(events)) == wanted


@pytest.mark.parametrize("wanted", [False, True])
def test_a_full_trainings_recipe_reaches_the_network(
    built: Callable[[Any], nn.Module], task: Task, wanted: bool
) -> None:
    recipe = Recipe(**RECIPE, zero_init_residual=wanted)
    events = train_in_full(
        ARCHITECTURE, load_splits(DATA), task, recipe, seed=0, device="cpu", metric="accuracy"
    )
    assert starts_at_zero(built(events)) == wanted


@pytest.mark.parametrize("section", ["proxy", "retrain"])
def test_a_family_that_cannot_is_refused_with_the_sections_name(
    config_of: Callable[..., SearchConfig], small_description: dict[str, Any], section: str
) -> None:
    wide = small_description | {"family": "wide_resnet"}
    recipe = RECIPE | {"zero_init_residual": True}
    assert space_of(config_of(**{section: recipe})).config.family == "resnet"
    assert space_of(config_of(space=wide)).config.family == "wide_resnet"
    with pytest.raises(ConfigError) as caught:
        config_of(space=wide, **{section: recipe})
    (problem,) = caught.value.problems
    assert f"{section}.zero_init_residual needs branches that end in batch norm" in problem
    assert "wide_resnet" in problem
