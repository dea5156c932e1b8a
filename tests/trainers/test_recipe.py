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
        ("weight_decay", -1e-4),
        ("label_smoothing", 1),
        ("precision", "float8"),
        ("channels_last", "yes"),
        ("evaluate_every_epochs", 0),
        ("gradient_clip_norm", 0),
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


@pytest.mark.parametrize(
    ("section", "value", "message"),
    [
        ("optimizer", {"name": "sgd", "momentum": 1}, "less than 1"),
        (
            "optimizer",
            {"name": "sgd", "momentum": 0, "nesterov": True},
            "nesterov needs a momentum",
        ),
        ("optimizer", {"name": "adamw", "momentum": 0.9}, "optimizer.adamw.momentum"),
        ("optimizer", {"name": "adam"}, "'sgd', 'adamw', 'rmsprop'"),
        ("schedule", {"name": "cosine", "warmup_fraction": 1}, "less than 1"),
        (
            "schedule",
            {"name": "cosine", "warmup_fraction": 0.1, "warmup_epochs": 1},
            "exclude each other",
        ),
        (
            "schedule",
            {"name": "cosine", "warmup_epochs": 2},
            r"warmup_epochs must be below epochs=2",
        ),
        ("schedule", {"name": "steps", "at_epochs": [1, 1]}, r"must rise, got \[1.0, 1.0\]"),
        ("schedule", {"name": "steps", "at_epochs": [1, 2]}, r"must be below epochs=2"),
        ("schedule", {"name": "exponential"}, "Field required"),
        ("normalization_images", 3, "batch_size must be a multiple of normalization_images"),
        ("weight_decay_also_on", ["biases", "biases"], "repeats one"),
        ("evaluation", {"weights": "averaged"}, "averaged needs weight_average"),
        ("evaluation", {"recalibration_images": 1}, "must be 0, or 2 or more"),
        ("batch_norm", {"momentum": 0}, "greater than 0"),
        ("pixels", {"mean": [0.5]}, "mean and deviation go together"),
        ("pixels", {"mean": [0.5], "deviation": [0.0]}, "greater than 0"),
        ("weight_average", {"decay": 1}, "less than 1"),
    ],
)
def test_combinations_that_make_no_sense_are_refused(
    section: str, value: object, message: str
) -> None:
    plain = {"epochs": 2, "batch_size": 8, "learning_rate": 0.1}
    with pytest.raises(ValidationError, match=message):
        Recipe.model_validate(plain | {section: value})


def test_all_errors_are_said_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        Recipe.model_validate(
            {"epochs": 0, "batch_size": 8, "optimizer": {"name": "sgd", "momentum": 2}}
        )
    places = {".".join(map(str, error["loc"])) for error in caught.value.errors()}
    assert places == {"epochs", "learning_rate", "optimizer.sgd.momentum"}


def test_the_rate_grows_with_the_batch() -> None:
    plain = {"epochs": 2, "batch_size": 1024, "learning_rate": 0.2}
    assert Recipe.model_validate(plain).peak_learning_rate == 0.2
    scaled = Recipe.model_validate(plain | {"learning_rate_images": 256})
    assert scaled.peak_learning_rate == pytest.approx(0.8)
