from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.datasets import load_digits

from trainers import DataConfig, DataError, ImageSplits, Split, load_splits


def test_digits_are_scikit_learns() -> None:
    splits = load_splits(DataConfig(name="digits", validation_images=0, test_images=0))
    images, labels = load_digits(return_X_y=True)
    assert splits.input_shape == (1, 8, 8)
    assert splits.classes == 10
    assert splits.class_names == tuple("0123456789")
    assert len(splits.validation) == len(splits.test) == 0
    assert torch.equal(splits.train.labels, torch.from_numpy(labels))
    assert splits.train.images.flatten(1).numpy() == pytest.approx(images * 255 / 16, abs=0.51)
    assert int(splits.train.images.max()) == 255


def test_statistics_are_of_the_train_split_alone(digits: ImageSplits) -> None:
    pixels = digits.train.images.double() / 255
    assert digits.mean == pytest.approx([pixels.mean().item()])
    assert digits.std == pytest.approx([pixels.std(correction=0).item()])
    inverted = Split(255 - digits.test.images, digits.test.labels)
    changed = ImageSplits.of(
        "digits",
        train=digits.train,
        validation=inverted,
        test=inverted,
        class_names=digits.class_names,
    )
    assert (changed.mean, changed.std) == (digits.mean, digits.std)


def test_statistics_of_each_channel() -> None:
    images = torch.zeros(2, 3, 1, 2, dtype=torch.uint8)
    images[0, 0] = 255
    images[0, 1, 0, 0] = 255
    images[:, 2] = torch.tensor([51, 153])
    split = Split(images, torch.tensor([0, 1]))
    splits = ImageSplits.of("s", train=split, validation=split, test=split, class_names=("a", "b"))
    assert splits.mean == pytest.approx([0.5, 0.25, 0.4])
    assert splits.std == pytest.approx([0.5, 0.75**0.5 / 2, 0.2])


def make_split(
    count: int = 4, shape: tuple[int, ...] = (1, 2, 2), label: int = 0, value: int | None = None
) -> Split:
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8))
    if value is not None:
        images = torch.full_like(images, value)
    return Split(images, torch.full((count,), label))


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (make_split(), make_split(shape=(1, 3, 2)), r"test split.*\[1, 3, 2\].*\[1, 2, 2\]"),
        (make_split(label=2), make_split(), r"train split: labels must be in 0..1, got 2..2"),
        (make_split(), make_split(label=-1), r"test split: labels must be in 0..1, got -1..-1"),
        (make_split(count=0), make_split(), "train split has no images"),
        (make_split(value=7), make_split(), "channel 0 has one value"),
    ],
)
def test_splits_that_do_not_fit_are_refused(train: Split, test: Split, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ImageSplits.of("s", train=train, validation=train, test=test, class_names=("a", "b"))


def test_a_network_sees_a_part_of_larger_images() -> None:
    whole = make_split(shape=(1, 5, 7))
    parts = {"train": whole, "validation": whole, "test": whole, "class_names": ("a",)}
    splits = ImageSplits.of("s", **parts, size=(4, 6))
    assert splits.input_shape == (1, 4, 6)
    assert splits.to("cpu").input_shape == (1, 4, 6)
    assert ImageSplits.of("s", **parts).input_shape == (1, 5, 7)
    with pytest.raises(DataError, match=r"input, \[5, 8\] \[height, width\], got \[5, 7\]"):
        ImageSplits.of("s", **parts, size=(5, 8))


def test_validation_images_join_the_train_images(digits: ImageSplits) -> None:
    both = digits.with_validation_in_train()
    assert (len(both.train), len(both.validation)) == (500, 0)
    assert torch.equal(both.train.images[:300], digits.train.images)
    assert torch.equal(both.train.labels[300:], digits.validation.labels)
    assert torch.equal(both.test.images, digits.test.images)
    pixels = both.train.images.double() / 255
    assert both.mean == pytest.approx([pixels.mean().item()])


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (torch.zeros(2, 1, 2, 2), torch.zeros(2, dtype=torch.int64), r"uint8 \[N, C, H, W\]"),
        (torch.zeros(2, 2, 2, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64), "uint8"),
        (torch.zeros(2, 1, 2, 2, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64), r"\[2\]"),
        (torch.zeros(2, 1, 2, 2, dtype=torch.uint8), torch.zeros(2), "int64"),
    ],
)
def test_split_refuses_other_tensors(
    images: torch.Tensor, labels: torch.Tensor, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        Split(images, labels)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "mnist"}, "name"),
        ({"name": "parquet"}, "needs a path"),
        ({"name": "digits", "path": "x"}, "takes no path"),
        ({"name": "digits", "image_size": [16, 16]}, "takes no image_size"),
        ({"name": "digits", "test_part": "validation"}, "takes no test_part"),
        ({"name": "cifar10", "test_part": "train"}, "test_part"),
        ({"name": "digits", "train_images": 0}, "train_images"),
        ({"name": "digits", "split_seed": -1}, "split_seed"),
        ({"name": "cifar10", "image_size": [16]}, "image_size"),
        ({"name": "cifar10", "image_size": [16, 0]}, "image_size"),
        ({"name": "digits", "images": 3}, "images"),
    ],
)
def test_data_config_refuses(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DataConfig(**settings)


def test_data_config_takes_a_list_for_the_size() -> None:
    config = DataConfig.model_validate({"name": "cifar10", "image_size": [16, 24]})
    assert config.image_size == (16, 24)
    assert hash(config) == hash(config.model_copy())


def test_too_many_digits_are_refused() -> None:
    with pytest.raises(DataError, match=r"train_images=1797 exceeds the 1338.*1797 train images"):
        load_splits(DataConfig(name="digits", train_images=1797, validation_images=100))
