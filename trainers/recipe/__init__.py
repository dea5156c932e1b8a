"""Recipes: the settings of how a network is trained.

May import only the settings of augmentation and precision.
"""

from trainers.recipe.detection import Detection
from trainers.recipe.earlier import MAY_BE_EARLIER, EarlierRecipe, SavedRecipe
from trainers.recipe.evaluation import Evaluation, Weights
from trainers.recipe.network_settings import BatchNorm, WeightAverage
from trainers.recipe.optimizers import AdamW, RmsProp, Sgd
from trainers.recipe.pixels import PixelSettings
from trainers.recipe.recipe import Recipe
from trainers.recipe.schedules import Constant, Cosine, Exponential, Steps

__all__ = [
    "MAY_BE_EARLIER",
    "AdamW",
    "BatchNorm",
    "Constant",
    "Cosine",
    "Detection",
    "EarlierRecipe",
    "Evaluation",
    "Exponential",
    "PixelSettings",
    "Recipe",
    "RmsProp",
    "SavedRecipe",
    "Sgd",
    "Steps",
    "WeightAverage",
    "Weights",
]
