"""A classification network's results on one split: metrics, each class's accuracy, confusion."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch

from trainers.evaluation.metrics import Metrics, classification_metrics


@dataclass(frozen=True)
class ClassificationReport:
    """The results on one split.

    Attributes:
        metrics: over all images.
        confusion: a row for each class, a column for each predicted class, in the classes' order:
            numbers of images.
    """

    metrics: Metrics
    confusion: tuple[tuple[int, ...], ...]

    @property
    def class_accuracies(self) -> tuple[float | None, ...]:
        """Each class's share of images that are predicted as it; None for a class without any."""
        return tuple(
            row[label] / sum(row) if any(row) else None for label, row in enumerate(self.confusion)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: the metrics, ``class_accuracies`` and ``confusion``."""
        return {
            **asdict(self.metrics),
            "class_accuracies": list(self.class_accuracies),
            "confusion": [list(row) for row in self.confusion],
        }


def classification_report(logits: torch.Tensor, labels: torch.Tensor) -> ClassificationReport:
    """Compute the report from all logits of a split.

    Args:
        logits: [N, classes], any floating type, N at least 1.
        labels: [N], int64, in 0..classes-1.
    """
    classes = logits.shape[1]
    cells = labels * classes + logits.float().argmax(dim=1)
    counts = torch.bincount(cells, minlength=classes**2).view(classes, classes)
    confusion = tuple(tuple(row) for row in counts.tolist())
    return ClassificationReport(classification_metrics(logits, labels), confusion)
