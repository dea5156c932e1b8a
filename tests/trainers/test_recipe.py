from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from trainers import Augmentation, Recipe


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0),
        ("epochs", "3"),
        ("batch_size", 1),
        ("batch_size", 2.0),
        ("learning_rate", 0),
        ("learning_rate", math.nan),
        ("learning_rate", math.inf),
        ("momentum", 1),
        ("weight_decay", -1e-4),
        ("warmup_fraction", 1),
        ("label_smoothing", 1),
        ("precision", "float8"),
        ("channels_last", "yes"),
        ("evaluate_every_epochs", 0),
        ("gradient_clip_norm", 0),
        ("ema_decay", 1),
        ("bn_recalibration_images", 1),
        ("unknown", 1),
    ],
)
def test_recipe_refuses(field: str, value: object) -> None:
    settings = {"epochs": 2, "batch_size": 8, "learning_rate": 0.1} | {field: value}
    with pytest.raises(ValidationError, match=field):
        Recipe(**settings)


def test_recipe_reads_plain_values_and_is_frozen() -> None:
    plain = {
        "epochs": 2,
        "batch_size": 8,
        "learning_rate": 1,
        "augmentation": {"rotation_degrees": 10},
    }
    recipe = Recipe.model_validate(plain)
    assert recipe.augmentation == Augmentation(rotation_degrees=10.0)
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe
    with pytest.raises(ValidationError, match="frozen"):
        recipe.epochs = 3
