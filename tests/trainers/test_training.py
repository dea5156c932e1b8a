from __future__ import annotations

import math
import pickle
import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from tests.trainers.finished import finished
from trainers import (
    Augmentation,
    DataError,
    ImageSplits,
    Recipe,
    Split,
    Training,
    TrainingDiverged,
)
from trainers.optimization.learning_rate import learning_rate_at

Build = Callable[[int], nn.Module]

COSINE = {"name": "cosine"}  # without a warm-up


def recipe(**settings: object) -> Recipe:
    plain = {"epochs": 3, "batch_size": 32, "learning_rate": 0.1, "label_smoothing": 0.1}
    return Recipe.model_validate(plain | settings)


class FixedLogits(nn.Module):
    """The same logits for every image; counts the images of each training batch."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))
        self.batches: list[int] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.batches.append(len(images))
        return self.logits.expand(len(images), -1)


def test_learns_digits(digits: ImageSplits, network: Build) -> None:
    settings = recipe(epochs=8, augmentation=Augmentation(rotation_degrees=5, scale_fraction=0.05))
    training = finished(Training(network(0), digits, settings, seed=0))
    last, tested = training.curve[-1].validation, training.evaluate("test")
    assert last is not None
    assert last.accuracy > 0.85
    assert tested.accuracy > 0.85
    assert (last.images, tested.images) == (200, 359)
    assert training.evaluate("validation") == last
    assert training.curve[-1].train_loss < training.curve[0].train_loss
    assert training.execution.precision == "float32"


def test_a_model_given_in_evaluation_mode_is_trained_all_the_same(
    few_digits: ImageSplits, network: Build
) -> None:
    first, second = (
        Training(model, few_digits, recipe(), seed=0).run_epoch()
        for model in (network(0).train(), network(0).eval())
    )
    assert (first.train_loss, first.validation) == (second.train_loss, second.validation)


def test_same_seed_same_run_whatever_the_global_generators_hold(
    few_digits: ImageSplits, network: Build
) -> None:
    settings = recipe(augmentation=Augmentation(noise_std=0.1, erasing_probability=0.5))
    results = []
    for seed, global_seed in ((3, 0), (3, 1), (4, 0)):
        torch.manual_seed(global_seed)
        np.random.seed(global_seed)
        random.seed(global_seed)
        training = Training(network(0), few_digits, settings, seed=seed)
        results.append([training.run_epoch().train_loss for _ in range(3)])
    assert results[0] == results[1]
    assert results[0] != results[2]


def test_the_callers_generators_are_left_alone(few_digits: ImageSplits, network: Build) -> None:
    settings = recipe(augmentation=Augmentation(noise_std=0.1, erasing_probability=0.5))
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    finished(Training(network(0), few_digits, settings, seed=0)).evaluate("test")
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]
    assert random.getstate() == before[2]


def test_every_epoch_has_its_own_order_and_noise(few_digits: ImageSplits) -> None:
    class Recording(FixedLogits):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(images.clone())
            return super().forward(images)

    seen: list[torch.Tensor] = []
    settings = recipe(batch_size=70, learning_rate=1e-9)
    training = Training(Recording(*[0.0] * 10), few_digits, settings, seed=0, evaluate_on="none")
    training.run_epoch()
    training.run_epoch()
    first, second = (images.flatten(1) for images in seen)
    assert not torch.equal(first, second)
    assert torch.equal(first.unique(dim=0), second.unique(dim=0))


def test_images_are_normalised_by_the_train_statistics(three_classes: ImageSplits) -> None:
    class Recording(FixedLogits):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(images.clone())
            return super().forward(images)

    seen: list[torch.Tensor] = []
    training = Training(Recording(0.0, 0.0, 0.0), three_classes, recipe(), seed=0)
    training.evaluate("test")
    expected = three_classes.test.images.float() / 255 - three_classes.mean[0]
    assert torch.allclose(seen[-1], expected / three_classes.std[0], atol=1e-6)


def test_label_smoothing_is_the_hand_formula(three_classes: ImageSplits) -> None:
    logits = [2.0, 0.5, -1.0]
    log_sum = math.log(sum(math.exp(logit) for logit in logits))
    negative_log_p = [log_sum - logit for logit in logits]
    hard = (4 * negative_log_p[0] + 3 * negative_log_p[1] + negative_log_p[2]) / 8
    smooth = 0.8 * hard + 0.2 * sum(negative_log_p) / 3
    settings = recipe(batch_size=8, label_smoothing=0.2, learning_rate=1e-9)
    training = Training(FixedLogits(*logits), three_classes, settings, seed=0)
    result = training.run_epoch()
    assert result.train_loss == pytest.approx(smooth, rel=1e-6)
    assert result.train_accuracy == 0.5
    # reported without smoothing
    assert training.evaluate("validation").loss == pytest.approx(hard, rel=1e-6)


def test_gradient_clipping_bounds_the_update(three_classes: ImageSplits) -> None:
    model = FixedLogits(5.0, 0.0, 0.0)
    settings = recipe(
        batch_size=8,
        optimizer={"name": "sgd", "momentum": 0},
        gradient_clip_norm=1e-3,
        learning_rate=2,
        schedule=COSINE,
    )
    Training(model, three_classes, settings, seed=0).run_epoch()
    moved = (model.logits - torch.tensor([5.0, 0, 0])).norm().item()
    assert moved == pytest.approx(2e-3, rel=1e-2)


def test_average_of_weights_is_the_hand_formula(three_classes: ImageSplits) -> None:
    model = FixedLogits(1.0, 0.0, 0.0)
    training = Training(
        model, three_classes, recipe(batch_size=8, weight_average={"decay": 0.15}, epochs=3), seed=0
    )
    average = torch.tensor([1.0, 0, 0])
    for decay in (0.1, 0.15, 0.15):  # (1 + step) / (10 + step), at most the setting
        training.run_epoch()
        average = decay * average + (1 - decay) * model.logits.detach()
        evaluated = training.evaluated_model()
        assert isinstance(evaluated, FixedLogits)
        assert torch.allclose(evaluated.logits, average)
    assert not torch.allclose(average, model.logits)


def test_only_whole_batches_are_trained_on(few_digits: ImageSplits) -> None:
    model = FixedLogits(*[0.0] * 10)
    Training(model, few_digits, recipe(), seed=0, evaluate_on="none").run_epoch()
    assert model.batches == [32, 32]
    model = FixedLogits(*[0.0] * 10)
    Training(model, few_digits, recipe(batch_size=500), seed=0, evaluate_on="none").run_epoch()
    assert model.batches == [70]


def test_curve_has_the_epochs_asked_for_and_the_last(
    few_digits: ImageSplits, network: Build
) -> None:
    settings = recipe(epochs=5, evaluate_every_epochs=2, schedule=COSINE)
    training = Training(network(0), few_digits, settings, seed=0)
    results = [training.run_epoch() for _ in range(5)]
    assert training.curve == tuple(results)
    assert [result.epoch for result in results] == [1, 2, 3, 4, 5]
    assert [result.val_accuracy is None for result in results] == [True, False, True, False, False]
    assert results[-1].learning_rate == pytest.approx(learning_rate_at(settings, 9, 2))


def test_without_evaluation(few_digits: ImageSplits, network: Build) -> None:
    training = finished(Training(network(0), few_digits, recipe(), seed=0, evaluate_on="none"))
    assert [result.validation for result in training.curve] == [None] * 3


class Overflowing(nn.Module):
    """Its logits overflow from the given training batch on."""

    def __init__(self, batch: int) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 10)
        self.batches_left = batch

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.batches_left -= self.training
        factor = 1.0 if self.batches_left > 0 else 1e38
        return self.linear(images.flatten(1)) * factor * factor


def test_divergence_names_epoch_step_and_learning_rate(few_digits: ImageSplits) -> None:
    settings = recipe(schedule=COSINE, epochs=4)
    training = Training(Overflowing(batch=4), few_digits, settings, seed=0)
    message = r"loss is (inf|nan) in epoch 2, step 2 of 2, learning rate 0\.069"
    with pytest.raises(TrainingDiverged, match=message) as caught:
        finished(training)
    assert [result.epoch for result in training.curve] == [1]
    # workers send it to another process
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_diverged_run_goes_on_only_from_an_earlier_state(few_digits: ImageSplits) -> None:
    model = Overflowing(batch=4)
    training = Training(model, few_digits, recipe(), seed=0)
    training.run_epoch()
    state = training.state_dict()
    with pytest.raises(TrainingDiverged):
        training.run_epoch()
    for attempt in (training.run_epoch, training.state_dict, lambda: training.evaluate("test")):
        with pytest.raises(RuntimeError, match="epoch 2 broke off"):
            attempt()
    model.batches_left = 99
    training.load_state_dict(state)
    assert training.run_epoch().epoch == 2


def test_overflow_in_evaluation_is_divergence(few_digits: ImageSplits) -> None:
    class OverflowingWhenEvaluated(Overflowing):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            logits = self.linear(images.flatten(1))
            return logits if self.training else logits * math.nan

    with pytest.raises(TrainingDiverged, match="validation loss is nan after epoch 1"):
        Training(OverflowingWhenEvaluated(9), few_digits, recipe(), seed=0).run_epoch()


def test_bfloat16_runs_the_forward_pass_in_bfloat16(
    few_digits: ImageSplits, network: Build
) -> None:
    model = network(0)
    seen: set[torch.dtype] = set()
    model[-1].register_forward_hook(lambda *call: seen.add(call[2].dtype))
    training = Training(model, few_digits, recipe(precision="bfloat16"), seed=0)
    training.run_epoch()
    assert training.execution.precision == "bfloat16"
    assert seen == {torch.bfloat16}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_a_finished_run_is_not_trained_further(few_digits: ImageSplits, network: Build) -> None:
    training = Training(network(0), few_digits, recipe(epochs=1), seed=0)
    training.run_epoch()
    assert training.done
    with pytest.raises(RuntimeError, match="all 1 epochs are finished"):
        training.run_epoch()


@pytest.mark.parametrize("settings", [{}, {"augmentation": Augmentation(mixup_alpha=0.2)}])
def test_logits_of_another_shape_are_refused(
    few_digits: ImageSplits, settings: dict[str, object]
) -> None:
    training = Training(FixedLogits(*[0.0] * 11), few_digits, recipe(**settings), seed=0)
    with pytest.raises(ValueError, match=r"FixedLogits must return .*\[32, 10\], got \[32, 11\]"):
        training.run_epoch()


def test_splits_that_cannot_be_used_are_refused(three_classes: ImageSplits) -> None:
    none = Split(three_classes.train.images[:0], three_classes.train.labels[:0])
    names = three_classes.class_names
    whole = three_classes.train
    unvalidated = ImageSplits.of("s", train=whole, validation=none, test=none, class_names=names)
    with pytest.raises(DataError, match="no validation images"):
        Training(FixedLogits(0.0, 0, 0), unvalidated, recipe(), seed=0)
    training = Training(FixedLogits(0.0, 0, 0), unvalidated, recipe(), seed=0, evaluate_on="none")
    with pytest.raises(DataError, match="test split has no images"):
        training.evaluate("test")
    one = Split(whole.images[:1], whole.labels[:1])
    single = ImageSplits.of("s", train=one, validation=one, test=one, class_names=names)
    with pytest.raises(DataError, match="needs 2 images or more, got 1"):
        Training(FixedLogits(0.0, 0, 0), single, recipe(), seed=0)


def test_negative_seeds_are_refused(three_classes: ImageSplits) -> None:
    with pytest.raises(ValueError, match="seed=-1"):
        Training(FixedLogits(0.0, 0, 0), three_classes, recipe(), seed=-1)
