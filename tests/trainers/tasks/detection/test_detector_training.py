"""Detectors train in the one loop: by groups, resumed, averaged, and until they know ten images."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from search_space.architecture import Task
from search_space.networks import build
from tests.search_space.small_detectors import small_detector
from tests.trainers.finished import finished
from tests.trainers.tasks.detection.small_detection import RECIPE, detector, shapes_data
from tests.trainers.test_training_resume import same
from trainers import DataConfig, DataError, ImageSplits, Recipe, Training, load_splits
from trainers.checkpoints.checkpoint import checkpoint_bytes, read_checkpoint
from trainers.result import EpochResult


@pytest.fixture(scope="module")
def shapes() -> ImageSplits:
    return load_splits(shapes_data())


@pytest.fixture(scope="module")
def whole(shapes: ImageSplits) -> Training:
    """The small detector, trained without a break."""
    return finished(training(shapes, detector()))


def training(shapes: ImageSplits, model: nn.Module, *, at_once: int | None = None) -> Training:
    recipe = Recipe.model_validate(RECIPE)
    return Training(model, shapes, recipe, seed=3, groups_at_once=at_once)


def test_the_number_of_groups_at_once_changes_only_rounding(
    shapes: ImageSplits, whole: Training
) -> None:
    apart = finished(training(shapes, detector(), at_once=1))
    expected = whole.model.state_dict()
    for name, tensor in apart.model.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=1e-4, atol=1e-5, msg=name)
    for here, there in zip(whole.curve, apart.curve, strict=True):
        assert here.train_loss == pytest.approx(there.train_loss, rel=1e-4)
        assert here.train_accuracy == pytest.approx(there.train_accuracy, abs=0.02)


@pytest.mark.parametrize("steps", [1, 4])
def test_resuming_gives_the_same_bits(shapes: ImageSplits, whole: Training, steps: int) -> None:
    first = training(shapes, detector())
    for _ in range(steps):
        first.run_steps(1)
    content = checkpoint_bytes(first.state_dict())
    second = training(shapes, detector(99))
    second.load_state_dict(read_checkpoint(content, "first"))
    finished(second)
    assert same(second.state_dict(), whole.state_dict())
    assert second.report("test") == whole.report("test")


def test_a_killed_training_goes_on_to_the_same_bits(
    shapes: ImageSplits, whole: Training, tmp_path: Path
) -> None:
    """SIGKILL in the midst of step 4 of 6, the second of an epoch, in a process of its own."""
    state = tmp_path / "checkpoint.pt"
    program = [sys.executable, "-m", "tests.trainers.tasks.detection.killed"]
    program += [str(state), "4", str(torch.get_num_threads())]  # whose sums are added up alike
    done = subprocess.run(program, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    resumed = training(shapes, detector(99))
    resumed.load_state_dict(read_checkpoint(state.read_bytes(), "state"))
    assert (resumed.epoch, resumed.done) == (1, False)
    finished(resumed)
    assert same(resumed.state_dict(), whole.state_dict())


def test_an_epoch_is_its_plain_values_again(whole: Training) -> None:
    point = whole.curve[-1]
    assert EpochResult.from_dict(point.to_dict()) == point
    assert point.validation is not None
    assert point.val_accuracy == point.validation.score
    assert point.validation.images == 9
    assert point.validation_beside is not None


def test_loss_of_an_evaluation_is_that_of_training(shapes: ImageSplits) -> None:
    """With one group that is the whole split, no augmentation and the same statistics."""
    recipe = Recipe.model_validate(
        {"epochs": 1, "batch_size": 24, "learning_rate": 1e-9, "evaluation": {}}
    )
    run = Training(detector(), shapes, recipe, seed=0)
    result = run.run_epoch()
    assert run.evaluate("train").loss == pytest.approx(result.train_loss, rel=0.02)


def test_reports_have_each_class(whole: Training) -> None:
    report = whole.report("validation").to_dict()
    assert len(report["class_precisions"]) == 6
    assert 0 <= report["average_precision"] <= report["ap50"] <= 1
    assert report["ap_large"] is None  # of 64 pixels
    assert math.isfinite(report["loss"])


def test_networks_and_images_of_two_tasks_are_refused(
    shapes: ImageSplits, few_digits: ImageSplits, network: Any
) -> None:
    recipe = Recipe(epochs=1, batch_size=8, learning_rate=0.1)
    with pytest.raises(DataError, match="'shapes' has objects in boxes, and the model Sequential"):
        Training(network(0), shapes, recipe, seed=0)
    with pytest.raises(DataError, match="'digits' has a label for each image, and the model Retin"):
        Training(detector(), few_digits, recipe, seed=0)


def test_other_outputs_are_refused(shapes: ImageSplits) -> None:
    """A detector of other classes."""
    two_classes = Task(input_shape=(3, 64, 64), classes=2)
    run = training(
        shapes, build(small_detector(normalized=True, last_level=5), two_classes, seed=0)
    )
    with pytest.raises(ValueError, match=r"must return logits .*\[\[12, 252, 6\], \[12, 252, 4\]"):
        run.run_epoch()


@pytest.mark.slow
def test_ten_images_are_known_by_heart() -> None:
    data = {"name": "shapes", "train_images": 10, "validation_images": 2, "test_images": 2}
    splits = load_splits(DataConfig.model_validate(data))
    fields: dict[str, Any] = {"width": 32, "anchors_per_position": 9, "anchor_scale": 2}
    architecture = small_detector(normalized=True, last_level=5, **fields)
    task = Task(input_shape=splits.input_shape, classes=splits.classes)
    recipe = Recipe.model_validate(
        {
            **{"epochs": 300, "batch_size": 10, "learning_rate": 5e-3, "weight_decay": 0},
            **{"optimizer": {"name": "adamw"}, "gradient_clip_norm": 1.0},
            "evaluate_every_epochs": 300,
        }
    )
    run = finished(Training(build(architecture, task, seed=0), splits, recipe, seed=0))
    assert run.evaluate("train").score > 0.9
