"""The accuracies that networks are compared by, and the images that they are trained on.

Configurations name them, so that nothing is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

DetectionMetric = Literal["average_precision", "ap50"]
AccuracyMetric = Literal["accuracy", "top5", "balanced_accuracy", "average_precision", "ap50"]
"""The accuracy that val_accuracy and test_accuracy are: top-1, top-5, or the mean over classes; of
detectors COCO's average precision (mAP), or that at an overlap of 0.5."""

ACCURACY_NAMES: Mapping[AccuracyMetric, str] = {
    "accuracy": "top-1",
    "top5": "top-5",
    "balanced_accuracy": "mean over classes",
    "average_precision": "mAP",
    "ap50": "AP50",
}

OF_DETECTORS: tuple[DetectionMetric, ...] = ("average_precision", "ap50")

VAL_MAP = "val_map"
"""The objective ``val_accuracy`` where that is ``average_precision``."""

TrainOn = Literal["train", "train+validation"]
"""The images that a network is trained on."""


def usual_metric(*, detects: bool) -> AccuracyMetric:
    """Return what networks are judged by where nothing says it.

    Args:
        detects: whether they are detectors.
    """
    return "average_precision" if detects else "accuracy"


def task_problem(metric: AccuracyMetric, *, detects: bool, whose: str) -> str | None:
    """Return why networks or images do not go with a metric; None if they do.

    Args:
        metric: of the configuration.
        detects: whether the networks are detectors, or the images have objects in boxes.
        whose: what that is, in words that come before "needs".
    """
    if detects == (metric in OF_DETECTORS):
        return None
    wanted = OF_DETECTORS if detects else tuple(ACCURACY_NAMES.keys() - set(OF_DETECTORS))
    how = f"; objectives: [{VAL_MAP}, params] sets it" if detects else ""
    return f"metric: {whose} needs {' or '.join(sorted(wanted))}, got {metric!r}{how}"
