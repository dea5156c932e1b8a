"""Full training of one network, tested once at the end. No ledger, no Ray."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.distributed as dist

from nas.evaluation.accuracy_metric import AccuracyMetric
from nas.evaluation.evaluate import (
    accuracy_by,
    begin_training,
    curve_and_seconds,
    curve_row,
    last_accuracy,
)
from nas.evaluation.example_pictures import ExamplePicture, example_pictures
from nas.evaluation.pace import Pace, PaceMeter
from search_space.architecture import Architecture, Task
from trainers import (
    DataError,
    Execution,
    ImageSplits,
    Preprocessing,
    Recipe,
    TaskMetrics,
    TaskReport,
    Training,
    Weights,
)

CHECKPOINT_EVERY_EPOCHS = 5
"""A training's state is kept after so many, and after a time."""

PROGRESS_EVERY_SECONDS = 2
LOOK_EVERY_SECONDS = 0.2
MOST_STEPS = 16
"""The clock is looked at after so many steps at most, and after each one that takes longer."""


class TrainingProgress(NamedTuple):
    """A full training has come further."""

    epoch: int  # finished
    val_accuracy: float | None  # by the metric asked for; None where this epoch was not evaluated
    state: Mapping[str, Any] | None  # to resume from, now and then
    pace: Pace
    row: Mapping[str, Any] | None = None  # of the curve, at an epoch's end


class Trained(NamedTuple):
    """A finished full training: the network, its accuracies, and its data."""

    weights: Mapping[str, torch.Tensor]
    weights_named: Weights  # which they are, as the recipe says
    weights_beside: Weights | None  # the others, where there is an average of weights
    metrics: Mapping[str, float]  # test_accuracy and, with validation images, val_accuracy, by the
    # metric asked for
    validation: TaskReport | None  # None without validation images
    validation_beside: TaskMetrics | None  # by the other weights
    test: TaskReport
    curve: Sequence[Mapping[str, Any]]
    device_seconds: float
    execution: Execution
    groups_at_once: int  # normalisation groups that passed through the network together
    preprocessing: Preprocessing
    class_names: tuple[str, ...]
    decoding: str  # of the images, in words
    examples: tuple[ExamplePicture, ...]


def train_in_full(
    architecture: Architecture,
    splits: ImageSplits,
    task: Task,
    recipe: Recipe,
    *,
    seed: int,
    device: str,
    metric: AccuracyMetric,
    state: Mapping[str, Any] | None = None,
    checkpoint_seconds: float = math.inf,
    process_group: dist.ProcessGroup | None = None,
) -> Iterator[TrainingProgress | Trained]:
    """Train ``architecture`` to its last epoch and test it; yield :class:`Trained` last.

    The test images are looked at once, by the weights that the recipe names.

    Args:
        architecture: the network to train.
        splits: the images, on ``device``; without validation images, no epoch is evaluated.
        task: the task of the images.
        recipe: how to train.
        seed: of the initial weights and of training.
        device: such as "cpu" or "cuda".
        metric: which accuracy the metrics are.
        state: of :class:`TrainingProgress`, to resume from.
        checkpoint_seconds: the longest time between two states.
        process_group: of the processes that train together; see :class:`trainers.Training`.

    Raises:
        TrainingDiverged: the loss became infinite or not a number.
        CheckpointError: the state is of another training.
        DataError: the images are not the task's, or there are no test images.
    """
    if (splits.input_shape, splits.classes) != (task.input_shape, task.classes):
        raise DataError(
            f"data set {splits.name!r} has {splits.classes} classes of images of "
            f"{list(splits.input_shape)} [channels, height, width]; the task has {task.classes} of "
            f"{list(task.input_shape)}: the data changed since the search"
        )
    training = begin_training(
        architecture,
        splits,
        task,
        recipe,
        seed=seed,
        device=device,
        state=state,
        evaluate_on="validation" if len(splits.validation) else "none",
        process_group=process_group,
    )
    keeps = process_group is None or dist.get_rank(process_group) == 0
    yield from _progress(training, metric, checkpoint_seconds if keeps else None)
    curve, device_seconds = curve_and_seconds(training, metric)
    test = training.report("test")
    metrics = {"test_accuracy": accuracy_by(test.metrics, metric)}
    validation = None
    if len(splits.validation):
        validation = training.report("validation")
        metrics["val_accuracy"] = last_accuracy(training, metric)
    yield Trained(
        # Taken last, since evaluating recalibrates batch normalisation in these tensors.
        weights=on_cpu(dict(training.evaluated_model().state_dict())),
        weights_named=recipe.evaluated_weights,
        weights_beside=training.weights_beside,
        metrics=metrics,
        validation=validation,
        validation_beside=training.curve[-1].validation_beside,
        test=test,
        curve=curve,
        device_seconds=device_seconds,
        execution=training.execution,
        groups_at_once=training.groups_at_once,
        preprocessing=Preprocessing.of(splits, recipe.pixels),
        class_names=splits.class_names,
        decoding=splits.decoding,
        examples=example_pictures(splits),
    )


def _progress(
    training: Training, metric: AccuracyMetric, checkpoint_seconds: float | None
) -> Iterator[TrainingProgress]:
    """Train to the end; yield at each epoch's end, and every few seconds in long ones.

    Without ``checkpoint_seconds`` no state is kept: another process keeps it.
    """
    meter = PaceMeter(training)
    said = kept = time.monotonic()
    kept_epoch = training.epoch
    steps = 1  # between two looks at the clock
    while not training.done:
        began = time.monotonic()
        point = training.run_steps(steps)
        now = time.monotonic()
        steps = min(2 * steps, MOST_STEPS) if now - began < LOOK_EVERY_SECONDS else 1
        keeps = (
            checkpoint_seconds is not None
            and not training.done
            and (
                training.epoch - kept_epoch >= CHECKPOINT_EVERY_EPOCHS
                or now - kept >= checkpoint_seconds
            )
        )
        if point is None and not keeps and now - said < PROGRESS_EVERY_SECONDS:
            continue
        if keeps:
            kept, kept_epoch = now, training.epoch
        validation = None if point is None else point.validation
        yield TrainingProgress(
            training.epoch,
            None if validation is None else accuracy_by(validation, metric),
            on_cpu(training.state_dict()) if keeps else None,
            meter.pace(),
            None if point is None else curve_row(point, metric, training.weights_beside),
        )
        said = now


def on_cpu(value: Any) -> Any:
    """Move every tensor in plain data to the CPU: the driver may lack the worker's device."""
    if isinstance(value, torch.Tensor):
        return value.cpu()
    if isinstance(value, Mapping):
        return {key: on_cpu(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(on_cpu(inner) for inner in value)
    return value
