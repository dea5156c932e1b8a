"""The task of a training, by its images and its network."""

from __future__ import annotations

import torch
from torch import nn

from trainers.data.splits.dataset import ImageSplits
from trainers.errors import DataError
from trainers.recipe import Recipe
from trainers.tasks.classification import Classification
from trainers.tasks.detection.detection import Detector, ObjectDetection
from trainers.tasks.task import LearnedTask


def task_of_training(
    model: nn.Module, splits: ImageSplits, recipe: Recipe, device: torch.device
) -> LearnedTask:
    """Return what a network learns: to find objects where the images have them, else to classify.

    Raises:
        DataError: the network is a detector and the images have labels, or the other way round; or
            the recipe mixes images with objects.
    """
    kind = type(model).__name__
    if not splits.has_objects:
        if isinstance(model, Detector):
            raise DataError(
                f"data set {splits.name!r} has a label for each image, and the model {kind} is a "
                "detector: it needs images with objects in boxes"
            )
        return Classification(
            model, classes=splits.classes, label_smoothing=recipe.label_smoothing, device=device
        )
    if not isinstance(model, Detector):
        raise DataError(
            f"data set {splits.name!r} has objects in boxes, and the model {kind} is no detector: "
            "it needs images with a label each"
        )
    return ObjectDetection(model, classes=splits.classes, settings=recipe.detection, device=device)
