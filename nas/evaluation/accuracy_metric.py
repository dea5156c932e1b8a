"""The accuracies that networks are compared by, and the images that they are trained on.

Configurations name them, so that nothing is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

AccuracyMetric = Literal["accuracy", "top5", "balanced_accuracy"]
"""The accuracy that val_accuracy and test_accuracy are: top-1, top-5, or the mean over classes."""

ACCURACY_NAMES: Mapping[AccuracyMetric, str] = {
    "accuracy": "top-1",
    "top5": "top-5",
    "balanced_accuracy": "mean over classes",
}

TrainOn = Literal["train", "train+validation"]
"""The images that a network is trained on."""
