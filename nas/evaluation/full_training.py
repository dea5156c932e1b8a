"""Full training of one network, tested once at the end. No ledger, no Ray."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch

from nas.evaluation.evaluate import (
    AccuracyMetric,
    accuracy_by,
    begin_training,
    curve_and_seconds,
    last_accuracy,
)
from nas.evaluation.example_pictures import ExamplePicture, example_pictures
from search_space.architecture import Architecture, Task
from trainers import (
    ClassificationReport,
    DataError,
    Execution,
    ImageSplits,
    Metrics,
    Preprocessing,
    Recipe,
    Weights,
)

CHECKPOINT_EVERY_EPOCHS = 5


class EpochDone(NamedTuple):
    """One epoch of a full training is finished."""

    epoch: int
    val_accuracy: float | None  # by the metric asked for; None where this epoch was not evaluated
    state: Mapping[str, Any] | None  # to resume from, every few epochs


class Trained(NamedTuple):
    """A finished full training: the network, its accuracies, and its data."""

    weights: Mapping[str, torch.Tensor]
    weights_named: Weights  # which they are, as the recipe says
    weights_beside: Weights | None  # the others, where there is an average of weights
    metrics: Mapping[str, float]  # test_accuracy and, with validation images, val_accuracy, by the
    # metric asked for
    validation: ClassificationReport | None  # None without validation images
    validation_beside: Metrics | None  # by the other weights
    test: ClassificationReport
    curve: Sequence[Mapping[str, Any]]
    device_seconds: float
    execution: Execution
    groups_at_once: int  # normalisation groups that passed through the network together
    preprocessing: Preprocessing
    class_names: tuple[str, ...]
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
) -> Iterator[EpochDone | Trained]:
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
        state: of :class:`EpochDone`, to resume from.

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
    )
    while not training.done:
        point = training.run_epoch()
        due = training.epoch % CHECKPOINT_EVERY_EPOCHS == 0 and not training.done
        yield EpochDone(
            training.epoch,
            None if point.validation is None else accuracy_by(point.validation, metric),
            on_cpu(training.state_dict()) if due else None,
        )
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
        examples=example_pictures(splits),
    )


def on_cpu(value: Any) -> Any:
    """Move every tensor in plain data to the CPU: the driver may lack the worker's device."""
    if isinstance(value, torch.Tensor):
        return value.cpu()
    if isinstance(value, Mapping):
        return {key: on_cpu(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(on_cpu(inner) for inner in value)
    return value
