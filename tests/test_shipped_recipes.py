"""The shipped recipes train as their sources say: rates at named epochs, groups, averages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from search_space.yaml_validation import read_yaml
from trainers import DataConfig, ImageSplits, Recipe, Split, Training, load_splits
from trainers.optimization.learning_rate import learning_rate_at

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "configs" / "recipes"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
FULL = [name for name in NAMES if not name.endswith(("_proxy", "_tabular"))]
PAPERS = [name for name in FULL if name.startswith(("aacn", "sasa"))]

CIFAR_IMAGES = 50_000
IMAGENET_IMAGES = 1_281_167


def recipe_of(name: str) -> Recipe:
    return Recipe.model_validate(read_yaml(FOLDER / f"{name}.yaml"))


def head_of(name: str) -> dict[str, str]:
    """The parts of a file's head by their label, such as ``Source``, each on one line."""
    text = (FOLDER / f"{name}.yaml").read_text()
    lines = [line for line in text.splitlines() if line.startswith("#")]
    joined = re.sub(r"\n#  +", " ", "\n".join(lines))
    return dict(re.findall(r"^# (Source|Open|Deviates|Used by|Command)\b[^:]*: (.*)", joined, re.M))


def rate_at(recipe: Recipe, epoch: float, images: int) -> float:
    """The rate of the step that is nearest to a time, in a training on so many images."""
    steps = images // recipe.batch_size
    return learning_rate_at(recipe, round(epoch * steps), steps)


@pytest.mark.parametrize("name", NAMES)
def test_a_head_says_where_a_recipe_is_from(name):
    head = head_of(name)
    if not head["Source"].startswith("this project's own"):
        assert {"Open", "Deviates"} <= head.keys()


@pytest.mark.parametrize("name", NAMES)
def test_the_files_that_a_head_names_exist_and_name_it(name):
    head = head_of(name)
    for file in re.findall(r"configs/(?:recipes|searches|spaces|tabulations)/\w+\.yaml", str(head)):
        assert (ROOT / file).is_file(), file
    for user in re.findall(r"configs/\S+", head.get("Used by", "")):
        assert f"recipes/{name}.yaml" in (ROOT / user).read_text()
    if "Command" in head:
        assert f"configs/recipes/{name}.yaml" in head["Command"]


@pytest.mark.parametrize("name", FULL)
def test_a_full_recipe_has_a_shorter_proxy_with_the_same_optimizer(name):
    full, proxy = recipe_of(name), recipe_of(f"{name.removesuffix('_full')}_proxy")
    assert proxy.epochs <= full.epochs / 2
    assert proxy.optimizer == full.optimizer
    assert proxy.peak_learning_rate == full.peak_learning_rate
    assert proxy.evaluation.recalibration_images > 0


@pytest.mark.parametrize(
    ("name", "images", "at_epochs"),
    [
        ("aacn_cifar100_wide_resnet", CIFAR_IMAGES, {0: 0, 12.5: 0.4, 25: 0.8, 262.5: 0.4}),
        ("aacn_cifar100_wide_resnet_augmented", CIFAR_IMAGES, {0: 0, 25: 0.2, 262.5: 0.1}),
        (
            "aacn_imagenet_resnet",
            IMAGENET_IMAGES,
            {
                0: 0,
                2: 0.2048,
                5: 0.512,
                29: 0.512,
                30: 0.0512,
                60: 5.12e-3,
                80: 5.12e-4,
                90: 5.12e-5,
            },
        ),
        ("aacn_imagenet_resnet_augmented", IMAGENET_IMAGES, {5: 0.256, 30: 0.0256}),
        (
            "aacn_imagenet_mnasnet",
            IMAGENET_IMAGES,
            {0: 0, 2.5: 0.128, 5: 0.256 * 0.97**2, 24: 0.256 * 0.97**10, 349: 0.256 * 0.97**145},
        ),
        ("aacn_imagenet_mnasnet_augmented", IMAGENET_IMAGES, {2.5: 0.064}),
        ("sasa_imagenet", round(0.96 * IMAGENET_IMAGES), {0: 0, 5: 0.8, 10: 1.6, 70: 0.8}),
    ],
)
def test_a_papers_recipe_has_the_rate_of_the_text(name, images, at_epochs):
    recipe = recipe_of(name)
    rates = {epoch: rate_at(recipe, epoch, images) for epoch in at_epochs}
    assert rates == pytest.approx(at_epochs, rel=1e-3)


@pytest.mark.parametrize("name", ["aacn_imagenet_mnasnet", "aacn_imagenet_mnasnet_augmented"])
@pytest.mark.parametrize("length", ["", "_proxy"])
def test_mnasnets_end_at_one_rate(name, length):
    recipe = recipe_of(name + length)
    last = rate_at(recipe, recipe.epochs - 0.01, IMAGENET_IMAGES)
    assert last == pytest.approx(0.0030913, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "workers"),
    [
        ("aacn_cifar100_wide_resnet", 8),
        ("aacn_cifar100_wide_resnet_augmented", 8),
        ("aacn_imagenet_resnet", 8),
        ("aacn_imagenet_resnet_augmented", 8),
        ("aacn_imagenet_mnasnet", 32),
        ("aacn_imagenet_mnasnet_augmented", 32),
        ("sasa_imagenet", 128),
    ],
)
def test_a_papers_batch_has_one_group_a_worker(name, workers):
    recipe = recipe_of(name)
    assert recipe.batch_size == workers * recipe.normalization_images


@pytest.mark.parametrize("name", PAPERS)
def test_a_papers_recipe_evaluates_with_running_averages(name):
    recipe = recipe_of(name)
    assert recipe.evaluation.recalibration_images == 0
    assert recipe.evaluated_weights == ("averaged" if name == "sasa_imagenet" else "raw")


def test_the_average_of_the_long_training_is_as_long_as_torchvisions():
    decay = recipe_of("imagenet_long").weight_average.decay
    share_in_32_steps = 2e-5 * 8 * 128 * 32 / 600
    assert 1 - decay**32 == pytest.approx(share_in_32_steps, rel=0.01)


def pictures(crop_fraction: float) -> ImageSplits:
    """Colour images of 16 x 16 for a network, stored with a margin where a recipe crops them."""
    side = round(16 / crop_fraction)
    pixels = torch.randint(
        256, (150, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    whole = Split(pixels, torch.arange(150) % 5)
    train, rest = (Split(pixels[part], whole.labels[part]) for part in (slice(96), slice(96, 150)))
    return ImageSplits.of(
        "drawn", train=train, validation=rest, test=rest, class_names=tuple("abcde"), size=(16, 16)
    )


def small_network(channels: int, classes: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(channels, 8, 3, stride=2, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.1),
            nn.Linear(8, classes),
        )


@pytest.mark.parametrize("name", NAMES)
def test_a_small_network_is_trained_for_some_steps(name):
    recipe = recipe_of(name)
    if name.startswith("digits"):
        splits = load_splits(DataConfig(name="digits", train_images=96, validation_images=40))
    else:
        splits = pictures(recipe.pixels.crop_fraction)
    model = small_network(splits.input_shape[0], splits.classes)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    training = Training(model, splits, recipe, seed=0)
    losses = [training.run_epoch().train_loss for _ in range(3)]  # of one step, or two
    assert all(0 < loss < 10 for loss in losses)
    changed = {key for key, tensor in model.state_dict().items() if not tensor.equal(before[key])}
    assert changed >= set(before) - {"0.bias"}  # the normalisation cancels that one's gradient
    assert training.evaluate("test").images == len(splits.test)
