from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.trainers.finished import finished
from trainers import (
    Augmentation,
    CheckpointError,
    DataConfig,
    EpochResult,
    ImageSplits,
    Recipe,
    Training,
    load_splits,
)
from trainers.checkpoints.checkpoint import checkpoint_bytes, read_checkpoint

Build = Callable[[int], nn.Module]
AUGMENTED = Augmentation(rotation_degrees=10, noise_std=0.05, mixup_alpha=0.2)


def recipe(**settings: object) -> Recipe:
    plain = {"epochs": 4, "batch_size": 16, "learning_rate": 0.1, "augmentation": AUGMENTED}
    return Recipe.model_validate(plain | settings)


def without_seconds(curve: tuple[EpochResult, ...]) -> list[EpochResult]:
    return [replace(result, train_seconds=0, waited_seconds=0) for result in curve]


TIMES = {"train_seconds", "waited_seconds"}


def same(first: object, second: object) -> bool:
    """Equal bits, through nested values."""
    if isinstance(first, torch.Tensor):
        return isinstance(second, torch.Tensor) and torch.equal(first, second)
    if isinstance(first, dict) and isinstance(second, dict):
        keys = first.keys() - TIMES
        return keys == second.keys() - TIMES and all(same(first[key], second[key]) for key in keys)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"weight_average": {"decay": 0.95}, "gradient_clip_norm": 1.0, "normalization_images": 4},
        {"optimizer": {"name": "rmsprop"}, "precision": "bfloat16", "channels_last": True},
    ],
)
def test_resuming_gives_the_same_bits(
    few_digits: ImageSplits, network: Build, settings: dict[str, object]
) -> None:
    whole = finished(Training(network(0), few_digits, recipe(**settings), seed=5))
    for epochs_before in (1, 3):
        first = Training(network(0), few_digits, recipe(**settings), seed=5)
        for _ in range(epochs_before):
            first.run_epoch()
        content = checkpoint_bytes(first.state_dict())
        second = Training(network(99), few_digits, recipe(**settings), seed=5)
        second.load_state_dict(read_checkpoint(content, "first"))
        assert second.epoch == epochs_before
        finished(second)
        assert same(second.state_dict(), whole.state_dict())
        assert without_seconds(second.curve) == without_seconds(whole.curve)
        assert second.evaluate("test") == whole.evaluate("test")


def test_state_is_a_copy(few_digits: ImageSplits, network: Build) -> None:
    training = Training(network(0), few_digits, recipe(weight_average={"decay": 0.9}), seed=5)
    training.run_epoch()
    state = training.state_dict()
    finished(training)
    again = Training(network(1), few_digits, recipe(weight_average={"decay": 0.9}), seed=5)
    again.load_state_dict(state)
    assert again.epoch == 1
    assert same(finished(again).state_dict(), training.state_dict())
    assert state["epoch"] == 1


@pytest.mark.parametrize(
    ("settings", "seed", "message"),
    [
        ({"learning_rate": 0.2}, 5, "recipe.learning_rate: checkpoint 0.1, this run 0.2"),
        (
            {"augmentation": Augmentation(rotation_degrees=1)},
            5,
            "recipe.augmentation.rotation_degrees: checkpoint 10.0, this run 1.0",
        ),
        ({}, 6, "seed: checkpoint 5, this run 6"),
    ],
)
def test_state_of_another_run_is_refused(
    few_digits: ImageSplits, network: Build, settings: dict[str, object], seed: int, message: str
) -> None:
    training = Training(network(0), few_digits, recipe(), seed=5)
    training.run_epoch()
    model = network(1)
    other = Training(model, few_digits, recipe(**settings), seed=seed)
    with pytest.raises(CheckpointError, match=message):
        other.load_state_dict(training.state_dict())
    assert other.epoch == 0
    assert same(dict(model.state_dict()), dict(network(1).state_dict()))


def test_state_of_another_split_is_refused(few_digits: ImageSplits, network: Build) -> None:
    state = Training(network(0), few_digits, recipe(), seed=5).state_dict()
    resplit = load_splits(
        DataConfig(name="digits", train_images=70, validation_images=40, split_seed=1)
    )
    with pytest.raises(CheckpointError, match=r"data\.train_mean"):
        Training(network(0), resplit, recipe(), seed=5).load_state_dict(state)


def test_state_of_another_model_is_refused(few_digits: ImageSplits, network: Build) -> None:
    state = Training(network(0), few_digits, recipe(), seed=5).state_dict()
    narrow = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 10))
    with pytest.raises(
        CheckpointError,
        match=r"another model: 0\.bias is missing; .*"
        r"0\.weight is \[12, 1, 3, 3\], in the model \[4, 1, 3, 3\]|and \d+ more",
    ):
        Training(narrow, few_digits, recipe(), seed=5).load_state_dict(state)


def test_a_payload_that_is_no_run_is_refused(few_digits: ImageSplits, network: Build) -> None:
    training = Training(network(0), few_digits, recipe(), seed=5)
    with pytest.raises(CheckpointError, match=r"no state of a training run.*\['weights'\]"):
        training.load_state_dict({"weights": 1})
