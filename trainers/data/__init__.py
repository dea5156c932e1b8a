"""Image sets: their sources, splits and augmentation.

May import only ``trainers``.
"""

from __future__ import annotations

from collections.abc import Callable

from trainers.data.config import DataConfig
from trainers.data.dataset import ImageSplits
from trainers.data.digits import load_digits
from trainers.data.hugging_face import load_hugging_face

LOADERS: dict[str, Callable[[DataConfig], ImageSplits]] = {
    "digits": load_digits,
    "cifar10": load_hugging_face,
    "cifar100": load_hugging_face,
    "image_folder": load_hugging_face,
    "parquet": load_hugging_face,
    "hub": load_hugging_face,
}


def load_splits(config: DataConfig) -> ImageSplits:
    """Load the images that ``config`` names, on the CPU.

    Raises:
        DataError: the data cannot be found, read or split as asked.
    """
    return LOADERS[config.name](config)
