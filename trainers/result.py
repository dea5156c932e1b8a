"""The result of one epoch of training: a point of the run's curve."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from trainers.evaluation.metrics import Metrics
from trainers.tasks.detection.metrics import DetectionMetrics
from trainers.tasks.task import TaskMetrics


@dataclass(frozen=True)
class EpochResult:
    """One epoch of training.

    Attributes:
        epoch: 1-based.
        train_loss: mean over the epoch's steps of the loss that was minimised, so with label
            smoothing, augmentation and mixup.
        train_accuracy: top-1 on the augmented images while they were trained on, in 0..1; with
            mixup against the label of the larger share. Of a detector, the mean over images of
            the share of matched anchors whose highest logit is their object's class.
        val_accuracy: top-1 on the validation split, in 0..1; of a detector, COCO's average
            precision. None where this epoch was not evaluated.
        learning_rate: of the epoch's last step.
        train_seconds: wall time of the training steps, without the evaluation.
        validation: all metrics behind ``val_accuracy``; None where that is None.
        validation_beside: the same of the weights that do not count, with an average of weights:
            raw if the averaged count, and the other way round.
        waited_seconds: of ``train_seconds``, spent reading images or waiting for them.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    val_accuracy: float | None
    learning_rate: float
    train_seconds: float
    validation: TaskMetrics | None = None
    validation_beside: TaskMetrics | None = None
    waited_seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, the metrics as a nested dict."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Return the result whose :meth:`to_dict` gave ``values``."""
        metrics = {
            name: _metrics(values[name]) if values[name] else None
            for name in ("validation", "validation_beside")
        }
        return cls(**values | metrics)


def _metrics(values: dict[str, Any]) -> TaskMetrics:
    kind = DetectionMetrics if "average_precision" in values else Metrics
    return kind(**values)
