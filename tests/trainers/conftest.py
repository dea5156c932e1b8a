"""Small networks and splits that the training tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from trainers import DataConfig, ImageSplits, Split, load_splits


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def digits() -> ImageSplits:
    return load_splits(DataConfig(name="digits", train_images=300, validation_images=200))


@pytest.fixture(scope="session")
def few_digits() -> ImageSplits:
    return load_splits(DataConfig(name="digits", train_images=70, validation_images=40))


@pytest.fixture
def network() -> Callable[[int], nn.Module]:
    """Builds a convolution network with batch normalisation and dropout from an initial seed."""

    def build(seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return nn.Sequential(
                nn.Conv2d(1, 12, 3, padding=1, bias=False),
                nn.BatchNorm2d(12),
                nn.ReLU(),
                nn.Conv2d(12, 24, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(24),
                nn.ReLU(),
                nn.Flatten(),
                nn.Dropout(0.2),
                nn.Linear(24 * 16, 10),
            )

    return build


@pytest.fixture
def three_classes() -> ImageSplits:
    """Eight random 4 x 4 images of three classes; the validation split is the train split."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (8, 1, 4, 4), dtype=torch.uint8, generator=generator)
    split = Split(images, torch.tensor([0, 0, 0, 0, 1, 1, 1, 2]))
    return ImageSplits.of(
        "random", train=split, validation=split, test=split, class_names=("a", "b", "c")
    )
