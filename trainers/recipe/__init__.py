"""Recipes: the settings of how a network is trained.

May import only the settings of augmentation and precision.
"""

from trainers.recipe.evaluation import Evaluation, Weights
from trainers.recipe.network_settings import BatchNorm, WeightAverage
from trainers.recipe.optimizers import AdamW, RmsProp, Sgd
from trainers.recipe.pixels import PixelSettings
from trainers.recipe.recipe import Recipe
from trainers.recipe.schedules import Constant, Cosine, Exponential, Steps

__all__ = [
    "AdamW",
    "BatchNorm",
    "Constant",
    "Cosine",
    "Evaluation",
    "Exponential",
    "PixelSettings",
    "Recipe",
    "RmsProp",
    "Sgd",
    "Steps",
    "WeightAverage",
    "Weights",
]
