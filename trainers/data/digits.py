"""The handwritten digits that come with scikit-learn: 1797 grey images of 8 x 8 pixels.

Alpaydin and Kaynak (1998), https://archive.ics.uci.edu/dataset/80 (its test part).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from trainers.data.config import DataConfig
from trainers.data.splits.choice import Choice, choose_splits, notes_of
from trainers.data.splits.dataset import ImageSplits, Split

HIGHEST_VALUE = 16


CLASS_NAMES = tuple("0123456789")


def digit_arrays() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return the digits as [1797, 8, 8], their values 0..16 spread over 0..255, and labels."""
    from sklearn import datasets  # noqa: PLC0415 (slow to import)

    digits = datasets.load_digits()
    pixels = np.rint(digits.images * (255 / HIGHEST_VALUE)).astype(np.uint8)
    return pixels, digits.target.astype(np.int64)


def load_digits(config: DataConfig) -> ImageSplits:
    """Return the digits as [N, 1, 8, 8].

    Raises:
        DataError: counts that do not fit 1797 images.
    """
    pixels, labels = digit_arrays()

    def split(choice: Choice) -> Split:
        return Split(
            torch.from_numpy(pixels[choice.indices])[:, None],
            torch.from_numpy(labels[choice.indices]),
        )

    choices = choose_splits(
        {"train": labels},
        name=config.name,
        split_seed=config.split_seed,
        train_images=config.train_images,
        validation_images=config.validation_images,
        test_images=config.test_images,
    )
    return ImageSplits.of(
        config.name,
        train=split(choices["train"]),
        validation=split(choices["validation"]),
        test=split(choices["test"]),
        class_names=CLASS_NAMES,
        left_out=tuple(notes_of(choices)),
    )
