"""Pointer value retrieval: its labels are right, and no digit alone tells them."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch

from trainers import DataConfig, ImageSplits, Split, load_splits
from trainers.data.digits import digit_arrays
from trainers.data.generated.pointer_value_retrieval import (
    digits_of_part,
    draw_digits,
    pointer_value_images,
)
from trainers.data.generated.pointer_value_retrieval_settings import PointerValueRetrievalSettings
from trainers.data.sources.part_names import PARTS

UPPER_RIGHT, LOWER_LEFT, LOWER_RIGHT = (0, 1), (1, 0), (1, 1)


def read_label(image: npt.NDArray[np.uint8], margin: int, known: dict[bytes, int]) -> int:
    """Read an image as the paper says: by the digits that lie in its quarters."""
    half = len(image) // 2

    def digit(quarter: tuple[int, int]) -> int:
        row, column = (half * each for each in quarter)
        inside = image[row : row + half, column : column + half]
        places = range(margin, half - 8 - margin + 1)
        rest = int(inside.astype(np.int64).sum())
        (value,) = {
            known[inside[r : r + 8, c : c + 8].tobytes()]
            for r, c in itertools.product(places, places)
            if inside[r : r + 8, c : c + 8].tobytes() in known
            and inside[r : r + 8, c : c + 8].sum(dtype=np.int64) == rest
        }
        return value

    pointer = digit((0, 0))
    if pointer <= 3:
        return digit(UPPER_RIGHT)
    return digit(LOWER_LEFT if pointer <= 6 else LOWER_RIGHT)


@pytest.mark.parametrize(
    "parameters", [{}, {"pixels": 28, "margin": 2}, {"pixels": 40, "margin": 0}]
)
def test_the_label_is_the_digit_to_which_the_pointer_points(parameters: dict[str, int]) -> None:
    settings = PointerValueRetrievalSettings.model_validate(parameters)
    known = {image.tobytes(): int(label) for image, label in zip(*digit_arrays(), strict=True)}
    labels = np.arange(300) % 10
    images = pointer_value_images(settings, 0, "train")(np.random.default_rng(0), labels)
    assert images.shape == (300, settings.pixels, settings.pixels)
    read = [read_label(image, settings.margin, known) for image in images]
    assert read == labels.tolist()


def test_splits_have_digits_of_their_own() -> None:
    pools = [digits_of_part(3, part) for part in PARTS]
    assert [len(pool.images) for pool in pools] == [1150, 288, 359]
    images = [{image.tobytes() for image in pool.images} for pool in pools]
    for one, other in itertools.combinations(images, 2):
        assert not one & other
    for pool in pools:
        assert (pool.counts > 25).all()
    assert {image.tobytes() for image in digits_of_part(4, "test").images} != images[2]


def test_digits_that_are_not_pointed_to_are_uniform() -> None:
    settings = PointerValueRetrievalSettings(pixels=24)
    labels = np.arange(20_000) % 10
    drawn = draw_digits(settings, digits_of_part(0, "train"), np.random.default_rng(0), labels)
    for quarter in range(4):  # within four standard deviations of a count
        counts = np.bincount(drawn.digits[:, quarter], minlength=10)
        assert np.abs(counts - 2000).max() < 4 * (20_000 * 0.09) ** 0.5
    inside = drawn.corners - 12 * np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    assert (inside.min(), inside.max()) == (1, 3)
    of_each_label = [np.bincount(drawn.digits[labels == label, 0]) for label in range(10)]
    assert np.abs(np.array(of_each_label) - 200).max() < 4.5 * (2000 * 0.09) ** 0.5


@pytest.fixture(scope="module")
def splits() -> ImageSplits:
    return load_splits(
        DataConfig(name="pointer_value_retrieval", train_images=3000, test_images=2000)
    )


def lone_digits(part: str) -> Split:
    images, labels = digit_arrays()
    is_train = np.arange(len(labels)) % 2 == 0
    chosen = is_train if part == "train" else ~is_train
    return Split(torch.from_numpy(images[chosen])[:, None], torch.from_numpy(labels[chosen]))


def best_without_the_pointer() -> float:
    """The accuracy of who reads three digits without error, and not the pointer: 0.478."""
    shares = np.array([0.4, 0.3, 0.3])
    rights = [
        max(shares[np.array(digits) == digit].sum() for digit in digits)
        for digits in itertools.product(range(10), repeat=3)
    ]
    return float(np.mean(rights))


def spread(accuracy: float, images: int) -> float:
    """Four standard deviations of the accuracy on so many images."""
    return 4 * (accuracy * (1 - accuracy) / images) ** 0.5


def test_classes_are_equally_frequent(splits: ImageSplits) -> None:
    assert splits.class_names == tuple("0123456789")
    assert splits.train.labels.bincount().tolist() == 10 * [300]


def test_a_linear_model_of_pixels_does_not_follow_the_pointer(
    splits: ImageSplits, linear_accuracy: Callable[..., float]
) -> None:
    """It adds up the quarters, so that it can at best read three digits, and weigh them."""

    def pixels(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        return images.reshape(len(images), -1) / 255

    best = best_without_the_pointer()
    assert best == pytest.approx(0.478)
    accuracy = linear_accuracy(pixels, splits.train, splits.test, 1000)
    assert 0.3 < accuracy < best + spread(best, len(splits.test))  # (it reads digits)


def test_global_statistics_tell_little(
    splits: ImageSplits,
    statistics: Callable[..., npt.NDArray[np.float64]],
    linear_accuracy: Callable[..., float],
    pixelwise_accuracy: Callable[[Split, Split], float],
) -> None:
    """Digits differ in ink. That of three others doubles the deviation, and halves what it tells.

    So the excess over chance is at most half of that on lone digits, by the same statistics.
    """
    alone = linear_accuracy(statistics, lone_digits("train"), lone_digits("test"))
    most = 0.1 + (alone - 0.1) / 2
    most += spread(most, len(splits.test))
    assert most < 0.35
    for accuracy in (
        linear_accuracy(statistics, splits.train, splits.test),
        pixelwise_accuracy(splits.train, splits.test),
    ):
        assert 0.1 + spread(0.1, len(splits.test)) < accuracy < most  # (they have learned it)
