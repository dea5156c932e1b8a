"""Pointer value retrieval: one of four digits says which of the other three is the label.

Zhang, Raghu, Kleinberg and Bengio (2021), "Pointer Value Retrieval: A new benchmark for
understanding the limits of neural network generalization", https://arxiv.org/abs/2107.12580. The
digit at the upper left is the pointer: 0 to 3 point to the upper right, 4 to 6 to the lower left
and 7 to 9 to the lower right. It differs from the paper's visual task in that the digits are
scikit-learn's, of 8 x 8 pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trainers.data.digits import CLASS_NAMES, digit_arrays
from trainers.data.generated.pointer_value_retrieval_settings import (
    DIGIT_PIXELS,
    PointerValueRetrievalSettings,
)
from trainers.data.sources.part_names import Part
from trainers.data.splits.choice import choose_splits

POINTED = np.array([1, 1, 1, 1, 2, 2, 2, 3, 3, 3])
"""The quarter to which each digit points: 1 upper right, 2 lower left, 3 lower right."""


class DigitImages(NamedTuple):
    """Images of digits, sorted by digit.

    Attributes:
        images: uint8 [D, 8, 8].
        begins: [10], the place of each digit's first image.
        counts: [10], its number of images.
    """

    images: npt.NDArray[np.uint8]
    begins: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]


class FourDigits(NamedTuple):
    """The digits of N images, a quarter after the other: the upper two, then the lower two.

    Attributes:
        digits: [N, 4].
        places: [N, 4], of their images among the :class:`DigitImages`.
        corners: [N, 4, 2], row and column of each digit's upper left pixel in the image.
    """

    digits: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    corners: npt.NDArray[np.int64]


def digits_of_part(seed: int, part: Part) -> DigitImages:
    """Return the digits of a split; those of other splits are other ones.

    Of scikit-learn's 1,797 images a fifth is the test split's, a fifth of the rest the validation
    split's, with the digits in proportion.

    Args:
        seed: of the choice.
        part: the split.
    """
    images, labels = digit_arrays()
    choices = choose_splits({"train": labels}, name="pointer_value_retrieval", split_seed=seed)
    indices = choices[part].indices
    indices = indices[np.argsort(labels[indices], kind="stable")]
    counts = np.bincount(labels[indices], minlength=len(CLASS_NAMES))
    return DigitImages(images[indices], np.cumsum(counts) - counts, counts)


def draw_digits(
    settings: PointerValueRetrievalSettings,
    available: DigitImages,
    rng: np.random.Generator,
    labels: npt.NDArray[np.int64],
) -> FourDigits:
    """Draw four digits for each label: all but the one pointed to are uniform and independent.

    Args:
        settings: with the room in a quarter.
        available: the images of digits.
        rng: draws digits, their images and places.
        labels: [N].
    """
    count = len(labels)
    digits = rng.integers(0, len(CLASS_NAMES), (count, 4))
    digits[np.arange(count), POINTED[digits[:, 0]]] = labels
    places = available.begins[digits] + rng.integers(0, available.counts[digits])
    quarters = settings.quarter_pixels * np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    inside = settings.margin + rng.integers(0, settings.places, (count, 4, 2))
    return FourDigits(digits, places, quarters + inside)


def pointer_value_images(
    settings: PointerValueRetrievalSettings, seed: int, part: Part
) -> Callable[[np.random.Generator, npt.NDArray[np.int64]], npt.NDArray[np.uint8]]:
    """Return what draws images of a split, uint8 [N, pixels, pixels], for labels [N].

    Args:
        settings: of the task.
        seed: of the choice of digits for each split.
        part: the split.
    """
    available = digits_of_part(seed, part)

    def draw(rng: np.random.Generator, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        drawn = draw_digits(settings, available, rng, labels)
        images = np.zeros((len(labels), settings.pixels, settings.pixels), np.uint8)
        inside = np.arange(DIGIT_PIXELS)
        rows = drawn.corners[..., 0, None, None] + inside[:, None]
        columns = drawn.corners[..., 1, None, None] + inside
        number = np.arange(len(labels))[:, None, None, None]
        images[number, rows, columns] = available.images[drawn.places]
        return images

    return draw
