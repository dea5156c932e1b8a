"""Recipes of earlier versions: read in runs' folders under their own number, refused elsewhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from nas.config.files import load_config, load_saved_config, save_config
from nas.config.search_config import SearchConfig, recipe_id
from search_space.yaml_validation import ConfigError
from trainers import EarlierRecipe

EARLIER: dict[str, Any] = {
    "epochs": 4,
    "batch_size": 16,
    "learning_rate": 0.1,
    "momentum": 0.8,
    "weight_decay": 0.001,
    "warmup_fraction": 0.2,
    "label_smoothing": 0.3,
    "augmentation": {"noise_std": 0.1, "mixup_alpha": 0.0},
    "precision": "auto",
    "channels_last": "auto",
    "evaluate_every_epochs": 2,
    "gradient_clip_norm": None,
    "ema_decay": 0.5,
    "zero_init_residual": False,
    "bn_recalibration_images": 64,
}
"""A recipe as an earlier version wrote it."""


@pytest.fixture
def saved(config_of: Callable[..., SearchConfig], tmp_path: Path) -> Callable[..., Path]:
    """Write a run's configuration with these recipes."""

    def write(**recipes: Any) -> Path:
        file = tmp_path / "config.yaml"
        save_config(config_of(), file)
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | recipes))
        return file

    return write


def read(file: Path) -> SearchConfig:
    return load_saved_config(file, trusted=True)


def test_the_keys_of_a_runs_recipe_are_translated(saved: Callable[..., Path]) -> None:
    recipe = read(saved(retrain=EARLIER)).retrain
    assert isinstance(recipe, EarlierRecipe)
    assert recipe.model_dump(include={"optimizer", "weight_average", "evaluation"}) == {
        "optimizer": {"name": "sgd", "momentum": 0.8, "nesterov": True},
        "weight_average": {"decay": 0.5},
        "evaluation": {"weights": None, "recalibration_images": 64},
    }
    assert (recipe.schedule.name, recipe.schedule.warmup_fraction) == ("cosine", 0.2)
    assert (recipe.epochs, recipe.label_smoothing, recipe.augmentation.noise_std) == (4, 0.3, 0.1)


def test_what_an_earlier_recipe_left_out_is_what_that_version_took(
    saved: Callable[..., Path],
) -> None:
    """Without momentum there was no look-ahead; labels were smoothed by 0.1."""
    few = {"epochs": 1, "batch_size": 8, "learning_rate": 0.1, "momentum": 0}
    recipe = read(saved(retrain=few)).retrain
    assert recipe.optimizer.model_dump() == {"name": "sgd", "momentum": 0, "nesterov": False}
    assert (recipe.label_smoothing, recipe.schedule.warmup_fraction) == (0.1, 0.05)
    assert recipe.weight_average is None


def test_an_earlier_recipe_keeps_its_number(saved: Callable[..., Path]) -> None:
    """It was the SHA-256 of the content with sorted keys, which rows and folders hold."""
    config = read(saved(proxy=EARLIER, retrain=EARLIER))
    digest = hashlib.sha256(json.dumps(EARLIER, sort_keys=True).encode()).hexdigest()
    assert config.proxy_id == config.retrain_id == digest[:8]
    assert config.replace(name="other").retrain_id == digest[:8]
    assert config.is_earlier
    today = type(config.proxy).__mro__[1].model_validate(config.retrain.model_dump(mode="json"))
    assert recipe_id(today) != digest[:8]


def test_a_run_of_today_is_none_of_before(saved: Callable[..., Path]) -> None:
    assert not read(saved()).is_earlier


def test_every_fault_of_an_earlier_recipe_is_named_by_its_present_key(
    saved: Callable[..., Path],
) -> None:
    with pytest.raises(ConfigError) as caught:
        read(saved(retrain=EARLIER | {"momentum": 2, "epochs": 0, "unknown": 1}))
    text = "\n".join(caught.value.problems)
    assert "retrain.optimizer.momentum: input should be less than 1, got 2" in text
    assert "retrain.epochs" in text
    assert "retrain.unknown: unknown key" in text


def test_a_users_file_is_told_the_present_keys(
    config_of: Callable[..., SearchConfig], tmp_path: Path
) -> None:
    content = config_of().model_dump(mode="json")
    content["proxy"] |= {key: EARLIER[key] for key in ("momentum", "warmup_fraction")}
    content["retrain"] |= {key: EARLIER[key] for key in ("ema_decay", "bn_recalibration_images")}
    file = tmp_path / "search.yaml"
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert sorted(caught.value.problems) == [
        "proxy.momentum: unknown key; it is proxy.optimizer.momentum now",
        "proxy.warmup_fraction: unknown key; it is proxy.schedule.warmup_fraction now",
        "retrain.bn_recalibration_images: unknown key; it is "
        "retrain.evaluation.recalibration_images now",
        "retrain.ema_decay: unknown key; it is retrain.weight_average.decay now",
    ]
