"""Augmentation: random changes of train images that do not depend on the batch an image is in.

May import only settings and random numbers of ``trainers``.
"""

from trainers.augmentation.augment import Augment, build_augmentation
from trainers.augmentation.draws import ImageDraws
from trainers.augmentation.mixing import mix
from trainers.augmentation.settings import Augmentation

__all__ = ["Augment", "Augmentation", "ImageDraws", "build_augmentation", "mix"]
