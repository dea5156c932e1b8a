"""A small detector, images of shapes, and a recipe with much of what a recipe has."""

from __future__ import annotations

from torch import nn

from search_space.architecture import Task
from search_space.networks import build
from tests.search_space.small_detectors import small_detector
from trainers import DataConfig

SHAPES = {
    "name": "shapes",
    "train_images": 24,
    "validation_images": 9,
    "test_images": 7,
    "parameters": {"pixels": 64, "most_objects": 4},
}

RECIPE = {
    "epochs": 3,
    "batch_size": 12,
    "normalization_images": 4,
    "learning_rate": 0.02,
    "gradient_clip_norm": 1.0,
    "augmentation": {"horizontal_flip": True, "crop_padding_pixels": 4},
    "evaluation": {"recalibration_images": 0},
    "weight_average": {"decay": 0.9},
    "detection": {"score_threshold": 0.01},
}
"""Two steps an epoch, of three groups."""


def shapes_data() -> DataConfig:
    return DataConfig.model_validate(SHAPES)


def detector(seed: int = 0) -> nn.Module:
    """Build the detector of six classes."""
    architecture = small_detector(normalized=True, last_level=5)
    return build(architecture, Task(input_shape=(3, 64, 64), classes=6), seed=seed)
