"""Overrides of a run's full recipe: what they change, what is recorded, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nas.config.recipe_overrides import overrides_of, with_overrides
from nas.config.search_config import SearchConfig
from search_space.yaml_validation import ConfigError


@pytest.fixture
def config(config_of: Callable[..., SearchConfig]) -> SearchConfig:
    return config_of(
        retrain={
            "epochs": 2,
            "batch_size": 16,
            "learning_rate": 0.1,
            "schedule": {"name": "cosine", "warmup_fraction": 0.25, "final_fraction": 0.1},
            "optimizer": {"name": "sgd", "momentum": 0.5, "nesterov": True},
        }
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text("{epochs: 7, batch_size: 8, learning_rate: 1.0}")
    return path


def problems_of(config: SearchConfig, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        with_overrides(config, overrides)
    return caught.value.problems


def test_nothing_changes_without_overrides(config: SearchConfig) -> None:
    same = with_overrides(config, ["recipe.epochs=2"])
    assert with_overrides(config, []) == same == config
    assert overrides_of(config.retrain, same.retrain) == {}
    assert same.retrain_id == config.retrain_id


def test_a_key_changes_and_both_values_are_told(config: SearchConfig) -> None:
    longer = with_overrides(config, ["recipe.epochs=300", "recipe.weight_average={decay: 0.9}"])
    assert (longer.retrain.epochs, longer.retrain.batch_size) == (300, 16)
    assert overrides_of(config.retrain, longer.retrain) == {
        "recipe.epochs": (2, 300),
        "recipe.weight_average.decay": (None, 0.9),
    }
    assert longer.proxy == config.proxy
    assert longer.retrain_id != config.retrain_id


def test_a_file_replaces_the_recipe_and_keys_change_it(config: SearchConfig, file: Path) -> None:
    """The order of the words does not matter."""
    for words in ([f"recipe={file}", "recipe.epochs=9"], ["recipe.epochs=9", f"recipe={file}"]):
        recipe = with_overrides(config, words).retrain
        assert (recipe.epochs, recipe.batch_size, recipe.learning_rate) == (9, 8, 1.0)
        assert recipe.schedule.warmup_fraction == 0.05  # the default's, since the file says nothing


def test_another_kind_drops_the_keys_of_the_former(config: SearchConfig) -> None:
    words = ["recipe.optimizer.name=adamw", "recipe.schedule={name: constant}"]
    recipe = with_overrides(config, words).retrain
    assert recipe.optimizer.model_dump() == {
        "name": "adamw",
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
    }
    assert (recipe.schedule.name, recipe.schedule.warmup_fraction) == ("constant", 0.25)


def test_every_problem_is_told_at_once(config: SearchConfig) -> None:
    problems = problems_of(
        config, "recipe.epochs=0", "recipe.optimizer.name=adam", "recipe.momentum=0.8"
    )
    assert len(problems) == 3
    assert any("recipe.epochs" in problem for problem in problems)
    assert (
        "recipe.optimizer.name: should be one of 'sgd', 'adamw', 'rmsprop', got 'adam'; did you "
        "mean 'adamw'?" in problems
    )
    assert "recipe.momentum: unknown key; it is recipe.optimizer.momentum now" in problems


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        (
            "retrain.epochs=3",
            "retrain: only the recipe, the resources and the cluster can be changed",
        ),
        ("recipe=none.yaml", "recipe: none.yaml: no such file"),
        ("recipe=[1]", "recipe: a file's path is needed, got [1]"),
        ("recipe.optimizer={beta1: 0.8}", "recipe.optimizer.beta1: unknown key"),
        ("recipe.augmentation.policy={magnitude: 3}", "recipe.augmentation.policy.name: missing"),
    ],
)
def test_what_is_no_override_of_the_recipe_is_refused(
    config: SearchConfig, word: str, problem: str
) -> None:
    (line,) = problems_of(config, word)
    assert line.startswith(problem)
