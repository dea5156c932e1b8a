"""The record of a full training has what was measured."""

from __future__ import annotations

import pytest
import torch

from nas.evaluation.accuracy_metric import AccuracyMetric
from nas.evaluation.evaluate import cached_splits
from nas.evaluation.full_training import Trained, TrainingProgress, train_in_full
from search_space.architecture import Architecture, Task
from search_space.networks import build
from search_space.space import SearchSpace
from trainers import DataConfig, DataError, Recipe, load_splits


def test_the_weights_are_those_of_the_network_that_was_tested(
    small_space: SearchSpace, task: Task
) -> None:
    """Recalibrating batch normalisation once more must not reach what is kept of it."""
    architecture: Architecture = next(small_space.architectures())
    splits = load_splits(DataConfig(name="digits", train_images=100, validation_images=100))
    recipe = Recipe(epochs=1, batch_size=20, learning_rate=0.05)  # 5 batches to recalibrate on
    *_, result = train_in_full(
        architecture, splits, task, recipe, seed=0, device="cpu", metric="accuracy"
    )
    assert isinstance(result, Trained)

    network = build(architecture, task, seed=1)
    network.load_state_dict(result.weights)
    network.eval()
    mean, std = (torch.tensor(each).view(1, -1, 1, 1) for each in (splits.mean, splits.std))
    with torch.inference_mode():
        train = (splits.train.images.float() / 255 - mean) / std
        test = (splits.test.images.float() / 255 - mean) / std
        seen = network.stem[0](train)
        is_right = network(test).argmax(1) == splits.test.labels
    # statistics of all train images, not of the last batch
    torch.testing.assert_close(network.stem[1].running_mean, seen.mean((0, 2, 3)))
    assert is_right.float().mean().item() == pytest.approx(result.metrics["test_accuracy"])


def test_both_kinds_of_weights_are_measured_and_the_named_ones_tested(
    small_space: SearchSpace, task: Task
) -> None:
    architecture = next(small_space.architectures())
    splits = load_splits(DataConfig(name="digits", train_images=100, validation_images=100))
    ends = {}
    for weights in ("raw", "averaged"):
        recipe = Recipe.model_validate(
            {"epochs": 2, "batch_size": 20, "learning_rate": 0.1, "weight_average": {"decay": 0.9}}
            | {"evaluation": {"weights": weights}}
        )
        *_, end = train_in_full(
            architecture, splits, task, recipe, seed=0, device="cpu", metric="accuracy"
        )
        assert isinstance(end, Trained)
        ends[weights] = end
    raw, averaged = ends["raw"], ends["averaged"]
    assert (raw.weights_named, raw.weights_beside) == ("raw", "averaged")
    assert (averaged.weights_named, averaged.weights_beside) == ("averaged", "raw")
    for one, other in ((raw, averaged), (averaged, raw)):
        assert one.validation is not None
        assert one.validation_beside is not None
        assert other.validation is not None
        assert one.validation_beside == other.validation.metrics != one.validation.metrics
        assert one.metrics["val_accuracy"] == one.validation.metrics.accuracy
        assert one.metrics["test_accuracy"] == one.test.metrics.accuracy
        beside = [point[f"val_accuracy_{one.weights_beside}"] for point in one.curve]
        assert beside == [point["val_accuracy"] for point in other.curve]
    assert sum(map(sum, raw.test.confusion)) == len(splits.test)
    network = build(architecture, task, seed=1)
    network.load_state_dict(averaged.weights)
    x = averaged.preprocessing.normalised(splits.test.images)
    with torch.inference_mode():
        predicted = network.eval()(x).argmax(dim=1)
    named = torch.zeros(10, 10, dtype=torch.int64)
    for label, seen in zip(splits.test.labels.tolist(), predicted.tolist(), strict=True):
        named[label, seen] += 1
    assert named.tolist() == [list(row) for row in averaged.test.confusion]


def test_a_training_on_the_validation_images_is_tested_alone(
    small_space: SearchSpace, task: Task
) -> None:
    data = DataConfig(name="digits", train_images=60, validation_images=40)
    recipe = Recipe(epochs=2, batch_size=100, learning_rate=0.05)  # one step of all 100 images
    splits = cached_splits(data, recipe.pixels, train_on="train+validation")
    *epochs, end = train_in_full(
        next(small_space.architectures()),
        splits,
        task,
        recipe,
        seed=0,
        device="cpu",
        metric="accuracy",
    )
    assert isinstance(end, Trained)
    assert [epoch.val_accuracy for epoch in epochs if isinstance(epoch, TrainingProgress)] == [
        None,
        None,
    ]
    assert [point["val_accuracy"] for point in end.curve] == [None, None]
    assert (end.validation, end.examples) == (None, ())
    assert end.metrics == {"test_accuracy": end.test.metrics.accuracy}
    assert end.preprocessing.mean == splits.mean != load_splits(data).mean


def test_data_that_changed_since_the_search_are_refused_before_training(
    small_space: SearchSpace, task: Task
) -> None:
    splits = load_splits(DataConfig(name="digits", train_images=100, validation_images=100))
    wider = task.replace(input_shape=(1, 8, 9))
    training = train_in_full(
        next(small_space.architectures()),
        splits,
        wider,
        Recipe(epochs=1, batch_size=20, learning_rate=0.05),
        seed=0,
        device="cpu",
        metric="accuracy",
    )
    with pytest.raises(DataError, match=r"10 classes of images of \[1, 8, 8\] .* \[1, 8, 9\]: the"):
        next(training)


def test_every_epoch_is_reported_by_the_metric_of_the_run(
    small_space: SearchSpace, task: Task
) -> None:
    architecture = next(small_space.architectures())
    # classes of unequal sizes, so that the balanced accuracy is another
    splits = load_splits(DataConfig(name="digits", train_images=100, validation_images=95))
    recipe = Recipe(epochs=2, batch_size=20, learning_rate=0.3)
    shown: dict[AccuracyMetric, list[float | None]] = {}
    metrics: tuple[AccuracyMetric, ...] = ("accuracy", "top5", "balanced_accuracy")
    for metric in metrics:
        *epochs, end = train_in_full(
            architecture, splits, task, recipe, seed=0, device="cpu", metric=metric
        )
        assert isinstance(end, Trained)
        shown[metric] = [each.val_accuracy for each in epochs if isinstance(each, TrainingProgress)]
        assert shown[metric] == [row["val_accuracy"] for row in end.curve]
        assert shown[metric][-1] == end.metrics["val_accuracy"]
    first = {metric: accuracies[0] for metric, accuracies in shown.items()}
    assert len(set(first.values())) == 3, first  # one network, three metrics
