from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from trainers import Augmentation, ImageSplits, Recipe, Split, Training
from trainers.normalization.recalibration import recalibrate_batch_norm

AUGMENTED = Augmentation(rotation_degrees=10, noise_std=0.1)


def recipe(**settings: object) -> Recipe:
    plain = {"epochs": 3, "batch_size": 32, "learning_rate": 0.1, "augmentation": AUGMENTED}
    return Recipe.model_validate(plain | settings)


def same_tensors(first: nn.Module, second: nn.Module) -> bool:
    theirs = second.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in first.state_dict().items())


def test_statistics_of_batches_are_those_of_all_their_images() -> None:
    batches = list(torch.randn(50, 3, 4, 4, generator=torch.Generator().manual_seed(0)).split(20))
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(0.5))
    recalibrate_batch_norm(network, batches, len(batches))
    pixels = torch.cat(batches).transpose(0, 1).flatten(1)
    assert torch.allclose(network[0].running_mean, pixels.mean(dim=1), atol=1e-6)
    assert torch.allclose(network[0].running_var, pixels.var(dim=1, correction=0), rtol=1e-5)
    assert not any(module.training for module in network.modules())
    assert network[0].momentum == 0.1


def test_nearly_constant_channels_have_no_negative_variance() -> None:
    """E[x^2] - E[x]^2 in float32 is below zero for about a third of these."""
    for seed in range(20):
        noise = torch.randn(21, 1, 3, 3, generator=torch.Generator().manual_seed(seed))
        network = nn.BatchNorm2d(1)
        recalibrate_batch_norm(network, (1000.1 + 0.001 * noise).split(7), 3)
        assert network.running_var.item() >= 0


def test_networks_without_running_statistics_are_not_run() -> None:
    class Refusing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(1, track_running_stats=False)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            raise NotImplementedError

    recalibrate_batch_norm(Refusing(), [torch.zeros(2, 1, 2, 2)], 1)


def test_evaluated_model_has_the_statistics_of_normalised_train_images(
    digits: ImageSplits,
) -> None:
    """The train images are normalised by their own mean and deviation: exactly 0 and 1."""
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(64, 10))
    training = Training(model, digits, recipe(augmentation=Augmentation()), seed=0)
    training.run_epoch()
    norm = training.evaluated_model()[0]
    assert norm.running_mean.item() == pytest.approx(0, abs=1e-5)
    assert norm.running_var.item() == pytest.approx(1, abs=1e-5)
    assert model[0].running_mean.item() != pytest.approx(0, abs=1e-5)


def test_zero_images_keep_the_running_averages(
    digits: ImageSplits, network: Callable[[int], nn.Module]
) -> None:
    model = network(0)
    training = Training(model, digits, recipe(evaluation={"recalibration_images": 0}), seed=0)
    training.run_epoch()
    evaluated = training.evaluated_model()
    assert same_tensors(model, evaluated)
    assert not any(module.training for module in evaluated.modules())


@pytest.mark.parametrize("average", [None, {"decay": 0.9}])
def test_evaluating_does_not_change_training(
    digits: ImageSplits, network: Callable[[int], nn.Module], average: dict[str, float] | None
) -> None:
    models, evaluated = [], []
    for every, splits_asked in ((1, ("train", "test")), (100, ())):
        models.append(network(0))
        training = Training(
            models[-1],
            digits,
            recipe(evaluate_every_epochs=every, weight_average=average),
            seed=0,
        )
        while not training.done:
            training.run_epoch()
            for split in splits_asked:
                training.evaluate(split)
        evaluated.append(training.evaluated_model())
    assert same_tensors(*models)
    assert same_tensors(*evaluated)


def test_reduced_precision_recalibrates_on_the_same_images(digits: ImageSplits) -> None:
    """Autocast must not reach the augmentation, whose matrices it would round."""
    means = []
    for precision in ("float32", "bfloat16"):
        model = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(64, 10))
        training = Training(model, digits, recipe(precision=precision), seed=0)
        means.append(training.evaluated_model()[0].running_mean.item())
    assert means[0] == means[1] != 0


def test_evaluating_twice_gives_the_same(
    digits: ImageSplits, network: Callable[[int], nn.Module]
) -> None:
    training = Training(
        network(0), digits, recipe(evaluation={"recalibration_images": 100}), seed=0
    )
    result = training.run_epoch()
    assert training.evaluate("validation") == training.evaluate("validation") == result.validation


@pytest.mark.parametrize("train_images", [2, 3, 33, 65])
def test_no_number_of_train_images_makes_a_batch_of_one(train_images: int) -> None:
    """Batch normalisation over [B, C] refuses a batch of one image."""
    split = Split(
        torch.randint(
            0,
            256,
            (train_images, 1, 2, 2),
            dtype=torch.uint8,
            generator=torch.Generator().manual_seed(0),
        ),
        torch.arange(train_images) % 2,
    )
    splits = ImageSplits.of("s", train=split, validation=split, test=split, class_names=("a", "b"))
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(4), nn.Linear(4, 2))
    for batch_size in (2, 16, 32, 64):
        training = Training(
            model, splits, recipe(batch_size=batch_size, augmentation=Augmentation()), seed=0
        )
        training.run_epoch()
        assert training.evaluate("train").images == train_images
