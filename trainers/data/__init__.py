"""Image sets: their sources, splits and preprocessing.

May import only ``trainers``.
"""

from __future__ import annotations

from trainers.data.config import DataConfig
from trainers.data.dataset import ImageSplits
from trainers.data.digits import load_digits
from trainers.data.hugging_face import load_hugging_face
from trainers.data.network_input import resizing_of, scale_of
from trainers.recipe.pixels import PixelSettings


def load_splits(config: DataConfig, pixels: PixelSettings | None = None) -> ImageSplits:
    """Load the images that ``config`` names, on the CPU.

    Args:
        config: the images.
        pixels: a recipe's settings of the network's input; None for the defaults.

    Raises:
        DataError: the data cannot be found, read or split as asked, or do not fit ``pixels``.
    """
    pixels = pixels or PixelSettings()
    resizing = resizing_of(config, pixels)
    is_digits = config.name == "digits"
    splits = load_digits(config) if is_digits else load_hugging_face(config, resizing)
    scale_of(splits, pixels)
    return splits
