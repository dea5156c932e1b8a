"""One evaluation: build an architecture and train it by a recipe. No search, no Ray."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from search_space.architecture import Architecture, Task
from search_space.networks import build
from trainers import (
    DataConfig,
    EpochResult,
    ImageSplits,
    Metrics,
    Recipe,
    Training,
    load_splits,
)

Metric = Literal["accuracy", "top5", "balanced_accuracy"]


class Progress(NamedTuple):
    """How far an evaluation is."""

    epoch: int
    epochs: int
    val_accuracy: float | None


class EvaluationResult(NamedTuple):
    """What an evaluation found: the metrics of the last epoch, never of the best."""

    metrics: dict[str, float]
    curve: list[dict[str, Any]]
    gpu_seconds: float
    worker: str = ""  # where it ran


def traceback_of(error: BaseException) -> str:
    """An exception as the ledger keeps it."""
    return "".join(traceback.format_exception(error))


def task_of(data: DataConfig, splits: ImageSplits) -> Task:
    """The task that a data set and its split make."""
    return Task(
        dataset=splits.name,
        input_shape=splits.input_shape,
        classes=splits.classes,
        split_seed=data.split_seed,
    )


@lru_cache(maxsize=2)
def cached_splits(data: DataConfig, device: str = "cpu") -> ImageSplits:
    """A data set, read once a process and kept on the device."""
    return load_splits(data).to(device)


def evaluate(
    architecture: Architecture,
    splits: ImageSplits,
    task: Task,
    recipe: Recipe,
    *,
    seed: int,
    device: str = "cpu",
    metric: Metric = "accuracy",
) -> Iterator[Progress | EvaluationResult]:
    """Train ``architecture``; yields :class:`Progress` and, last, the :class:`EvaluationResult`.

    Only training and validation images are looked at. ``metric`` says which accuracy
    ``val_accuracy`` is: top-1, top-5, or the mean over the classes.

    Raises:
        TrainingDiverged: the loss became infinite or not a number.
    """
    model = build(architecture, task, seed=seed, zero_init_residual=recipe.zero_init_residual)
    training = Training(model, splits, recipe, seed=seed, device=device)
    while not training.done:
        point = training.run_epoch()
        if point.validation is not None and not training.done:
            yield Progress(training.epoch, recipe.epochs, chosen(point.validation, metric))
    last = training.curve[-1].validation
    assert last is not None  # the last epoch is always evaluated
    yield EvaluationResult(
        {"val_accuracy": chosen(last, metric)},
        [curve_row(point, metric) for point in training.curve],
        sum(point.train_seconds for point in training.curve),
    )


def chosen(metrics: Metrics, metric: Metric) -> float:
    """The accuracy that ``metric`` names.

    Raises:
        ValueError: top-5 of a task with five classes or fewer.
    """
    value = getattr(metrics, metric)
    if value is None:
        raise ValueError("metric: top5 needs a task with more than 5 classes")
    return float(value)


def curve_row(point: EpochResult, metric: Metric) -> dict[str, Any]:
    """An epoch as the ledger keeps it."""
    return {
        "epoch": point.epoch,
        "train_loss": point.train_loss,
        "train_accuracy": point.train_accuracy,
        "val_accuracy": None if point.validation is None else chosen(point.validation, metric),
        "learning_rate": point.learning_rate,
    }
