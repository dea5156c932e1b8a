"""A small network with attention, convolution, stochastic depth and dropout, and its recipe."""

from __future__ import annotations

import numpy as np
from torch import nn

from search_space.architecture import Task
from search_space.networks import build
from tests.search_space.strategies import DIGITS

MIXING = {
    "learning_rate": 0.05,
    "label_smoothing": 0.1,
    "augmentation": {"mixup_alpha": 0.4, "cutmix_alpha": 1.0, "rotation_degrees": 10},
    "evaluation": {"recalibration_images": 0},
    "weight_average": {"decay": 0.9},
}
"""Settings of a recipe with which everything random is on."""


def hybrid() -> nn.Module:
    """Build the network for digits."""
    rng = np.random.default_rng(0)
    architecture = next(
        each
        for each in (DIGITS.sample(rng) for _ in range(100))
        if {"conv", "augmented_conv"} <= set(each.primitive_types())
    )
    task = Task(input_shape=(1, 8, 8), classes=10)
    return build(architecture, task, seed=0, dropout=0.2, stochastic_depth=0.3)
