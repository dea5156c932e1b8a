"""Metrics of a classification network on one split."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

TOP_K = 5

CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Metrics:
    """The metrics of one split, all fractions in 0..1.

    Attributes:
        accuracy: top-1.
        top5: the label is among the five highest logits; None with five classes or fewer, where
            it would always be 1.
        balanced_accuracy: the mean over classes (that the split has) of the class's accuracy.
        loss: mean cross-entropy in nats, without label smoothing.
        calibration_error: the expected calibration error, see :func:`calibration_error`.
        images: how many were evaluated.
    """

    accuracy: float
    top5: float | None
    balanced_accuracy: float
    loss: float
    calibration_error: float
    images: int

    @property
    def score(self) -> float:
        """The top-1 accuracy."""
        return self.accuracy


def classification_metrics(logits: torch.Tensor, labels: torch.Tensor) -> Metrics:
    """Compute the metrics from all logits of a split.

    Args:
        logits: [N, classes], any floating type, N at least 1.
        labels: [N], int64, in 0..classes-1.
    """
    images, classes = logits.shape
    logits = logits.float()
    hits = logits.argmax(dim=1) == labels
    hits_by_class = torch.zeros(classes, dtype=torch.float64, device=logits.device)
    images_by_class = torch.zeros_like(hits_by_class)
    hits_by_class.index_add_(0, labels, hits.double())
    images_by_class.index_add_(0, labels, torch.ones_like(hits, dtype=torch.float64))
    present = images_by_class > 0
    top5 = None
    if classes > TOP_K:
        highest = logits.topk(TOP_K, dim=1).indices
        top5 = (highest == labels[:, None]).any(dim=1).sum().item() / images
    return Metrics(
        accuracy=hits.sum().item() / images,
        top5=top5,
        balanced_accuracy=(hits_by_class[present] / images_by_class[present]).mean().item(),
        loss=F.cross_entropy(logits, labels).item(),
        calibration_error=calibration_error(logits, labels),
        images=images,
    )


def calibration_error(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the expected calibration error (Guo et al. 2017, https://arxiv.org/abs/1706.04599).

    The images are binned by their confidence, the probability of the predicted class, into 15 bins
    of equal width, each with its upper edge (their equation 3). The error is the mean over images
    of the distance between accuracy and mean confidence of the image's bin (their equation 5).

    Args:
        logits: [N, classes], any floating type, N at least 1.
        labels: [N], int64, in 0..classes-1.

    Returns:
        in 0..1; NaN where a logit is not finite.
    """
    confidences, predicted = logits.float().softmax(dim=1).max(dim=1)
    if not confidences.isfinite().all():
        return math.nan
    confidences = confidences.double()
    bins = (confidences * CALIBRATION_BINS).ceil().long().clamp(1, CALIBRATION_BINS) - 1
    gaps = torch.zeros(CALIBRATION_BINS, dtype=torch.float64, device=logits.device)
    gaps.index_add_(0, bins, (predicted == labels).double() - confidences)
    return gaps.abs().sum().item() / len(labels)


def check_logits(logits: torch.Tensor, shape: tuple[int, int], model: nn.Module) -> None:
    """Refuse a model that does not map images to ``shape`` = (images, classes).

    Raises:
        ValueError: naming the model's type and both shapes.
    """
    if logits.shape != shape:
        raise ValueError(
            f"the model {type(model).__name__} must return logits [images, classes] = "
            f"{list(shape)}, got {list(logits.shape)}"
        )
