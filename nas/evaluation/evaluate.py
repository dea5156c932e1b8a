"""One evaluation: build an architecture and train it by a recipe. No search, no Ray."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import torch.distributed as dist

from nas.evaluation.accuracy_metric import AccuracyMetric, TrainOn
from nas.evaluation.fidelity import FULL, Fidelity
from nas.evaluation.finite_values import check_finite
from nas.evaluation.metric_names import MetricNames
from nas.evaluation.time_parts import NO_SECONDS
from search_space.architecture import Architecture, Task
from search_space.networks import build
from trainers import (
    DataConfig,
    EpochResult,
    ImageSplits,
    PixelSettings,
    Recipe,
    Stopwatch,
    TaskMetrics,
    Training,
    TrainingDiverged,
    Weights,
    load_splits,
)


class Progress(NamedTuple):
    """The state of a running evaluation, with all that is recorded if it is stopped here."""

    epoch: int
    epochs: int
    val_accuracy: float
    curve: list[dict[str, Any]]
    device_seconds: float


class Paused(NamedTuple):
    """An evaluation that paused at the requested epoch, with the state to resume from."""

    progress: Progress
    state: Mapping[str, Any]


class EvaluationResult(NamedTuple):
    """The result of an evaluation: the metrics of the last epoch, never of the best."""

    metrics: dict[str, float]
    curve: list[dict[str, Any]]
    device_seconds: float  # of its training steps
    worker: str = ""  # where it ran
    seconds: Mapping[str, float] = NO_SECONDS  # of its worker, see :mod:`nas.evaluation.time_parts`


def traceback_of(error: BaseException) -> str:
    """Format an exception for the ledger; without a traceback where only the recipe is at fault."""
    if isinstance(error, TrainingDiverged):
        return f"{type(error).__name__}: {error}"
    return "".join(traceback.format_exception(error))


def task_of(data: DataConfig, splits: ImageSplits) -> Task:
    """Return the task that a data set and its split define."""
    return Task(
        dataset=splits.name,
        input_shape=splits.input_shape,
        classes=splits.classes,
        split_seed=data.split_seed,
    )


@lru_cache(maxsize=2)
def cached_splits(
    data: DataConfig,
    pixels: PixelSettings,
    device: str = "cpu",
    fidelity: Fidelity = FULL,
    train_on: TrainOn = "train",
) -> ImageSplits:
    """Return a data set at a fidelity, read once a process and kept on the device.

    Args:
        data: the data set and its split.
        pixels: the recipe's settings of the network's input.
        device: such as "cpu" or "cuda".
        fidelity: the reduction of its images.
        train_on: with "train+validation", the train images are both, and none validate.

    Raises:
        DataError: it cannot be read, split, or reduced to the fidelity, or does not fit ``pixels``.
    """
    splits = fidelity.splits(load_splits(data, pixels), data.split_seed)
    if train_on == "train+validation":
        splits = splits.with_validation_in_train()
    return splits.to(device)


def evaluate(
    architecture: Architecture,
    splits: ImageSplits,
    task: Task,
    recipe: Recipe,
    *,
    seed: int,
    device: str = "cpu",
    metric: AccuracyMetric = "accuracy",
    pause_at: int | None = None,
    state: Mapping[str, Any] | None = None,
    stopwatch: Stopwatch | None = None,
) -> Iterator[Progress | Paused | EvaluationResult]:
    """Train ``architecture``; yield :class:`Progress` and, last, the :class:`EvaluationResult`.

    Only training and validation images are used. For a proxy, the caller reduces the network,
    images and task: see :class:`nas.evaluation.fidelity.Fidelity`.

    Args:
        architecture: the network to train.
        splits: the images, on ``device``.
        task: the task of the images.
        recipe: how to train.
        seed: of the initial weights and of training.
        device: such as "cpu" or "cuda".
        metric: which accuracy ``val_accuracy`` is.
        pause_at: an evaluated epoch, after which :class:`Paused` is yielded last instead.
        state: of :class:`Paused`, to resume from; the result has the same bits as without a pause.
        stopwatch: measures the parts of :data:`trainers.stopwatch.TrainingPart`; None: its own.

    Raises:
        TrainingDiverged: the loss became infinite or not a number.
        CheckpointError: the state is of another evaluation.
    """
    training = begin_training(
        architecture,
        splits,
        task,
        recipe,
        seed=seed,
        device=device,
        state=state,
        stopwatch=stopwatch,
    )
    while training.epoch != pause_at:  # the state may be at this epoch already
        training.run_epoch()
        if training.done:
            break
        if training.curve[-1].validation is not None and training.epoch != pause_at:
            yield _progress(training, metric)
    if not training.done:
        yield Paused(_progress(training, metric), training.state_dict())
        return
    yield EvaluationResult(
        {"val_accuracy": last_accuracy(training, metric)}, *curve_and_seconds(training, metric)
    )


def begin_training(
    architecture: Architecture,
    splits: ImageSplits,
    task: Task,
    recipe: Recipe,
    *,
    seed: int,
    device: str,
    state: Mapping[str, Any] | None,
    evaluate_on: Literal["validation", "none"] = "validation",
    process_group: dist.ProcessGroup | None = None,
    stopwatch: Stopwatch | None = None,
) -> Training:
    """Build ``architecture`` and return its training, at its beginning or at ``state``.

    Raises:
        CheckpointError: the state is of another training.
    """
    model = build(
        architecture,
        task,
        seed=seed,
        zero_init_residual=recipe.zero_init_residual,
        dropout=recipe.dropout,
        stochastic_depth=recipe.stochastic_depth,
    )
    training = Training(
        model,
        splits,
        recipe,
        seed=seed,
        device=device,
        evaluate_on=evaluate_on,
        process_group=process_group,
        stopwatch=stopwatch,
    )
    if state is not None:
        training.load_state_dict(dict(state))
    return training


def _progress(training: Training, metric: AccuracyMetric) -> Progress:
    """Return the progress of a training whose last epoch was evaluated."""
    accuracy, so_far = last_accuracy(training, metric), curve_and_seconds(training, metric)
    return Progress(training.epoch, training.recipe.epochs, accuracy, *so_far)


def last_accuracy(training: Training, metric: AccuracyMetric) -> float:
    """Return the validation accuracy of an epoch that was evaluated, as the last one always is."""
    validation = training.curve[-1].validation
    assert validation is not None
    return accuracy_by(validation, metric)


def curve_and_seconds(
    training: Training, metric: AccuracyMetric
) -> tuple[list[dict[str, Any]], float]:
    """Return the curve as the ledger keeps it, and the seconds that its training steps took."""
    return (
        [curve_row(point, metric, training.weights_beside) for point in training.curve],
        sum(point.train_seconds for point in training.curve),
    )


def accuracy_by(metrics: TaskMetrics, metric: AccuracyMetric) -> float:
    """Return the accuracy that ``metric`` names.

    Raises:
        ValueError: top-5 of a task with five classes or fewer, or an accuracy that is not finite.
    """
    value = getattr(metrics, metric)
    if value is None:
        raise ValueError("metric: top5 needs a task with more than 5 classes")
    check_finite({metric: value}, f"the {MetricNames(metric).noun} on {metrics.images} images")
    return float(value)


def curve_row(
    point: EpochResult, metric: AccuracyMetric, weights_beside: Weights | None
) -> dict[str, Any]:
    """Return an epoch's row for the ledger.

    Where a training has an average of weights, ``weights_beside`` names those that do not count,
    whose accuracy is ``val_accuracy_raw`` or ``val_accuracy_averaged``.
    """
    accuracies = {"val_accuracy": point.validation}
    if weights_beside is not None:
        accuracies[f"val_accuracy_{weights_beside}"] = point.validation_beside
    return {
        "epoch": point.epoch,
        "train_loss": point.train_loss,
        "train_accuracy": point.train_accuracy,
        **{
            name: None if metrics is None else accuracy_by(metrics, metric)
            for name, metrics in accuracies.items()
        },
        "learning_rate": point.learning_rate,
    }
