from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from trainers import Augmentation, Recipe


def test_learning_rate_follows_the_hand_formula() -> None:
    recipe = Recipe(epochs=1, batch_size=2, learning_rate=0.6, warmup_fraction=0.2)
    rates = [recipe.learning_rate_at(step, 10) for step in range(11)]
    # two warm-up steps: thirds of the peak; then eight steps of half a cosine period
    assert rates[:3] == pytest.approx([0.2, 0.4, 0.6])
    assert rates[6] == pytest.approx(0.3)
    assert rates[4] == pytest.approx(0.3 * (1 + math.sqrt(0.5)))
    assert rates[10] == 0.0
    assert rates[2:] == sorted(rates[2:], reverse=True)


def test_learning_rate_without_warm_up_starts_at_the_peak() -> None:
    recipe = Recipe(epochs=1, batch_size=2, learning_rate=0.6, warmup_fraction=0)
    assert recipe.learning_rate_at(0, 1) == 0.6


@pytest.mark.parametrize("step", [-1, 11])
def test_learning_rate_refuses_steps_outside_the_run(step: int) -> None:
    with pytest.raises(ValueError, match=f"step={step}, steps_total=10"):
        Recipe(epochs=1, batch_size=2, learning_rate=1).learning_rate_at(step, 10)


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
