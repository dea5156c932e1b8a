"""Classification: cross-entropy over an image's classes; an image is a hit if its label wins."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainers.evaluation.classification_report import ClassificationReport, classification_report
from trainers.evaluation.metrics import Metrics, check_logits, classification_metrics
from trainers.tasks.task import Kept


class Classification:
    """The :class:`trainers.tasks.task.LearnedTask` of images with one label each.

    Args:
        model: maps images to logits [B, classes]; for messages.
        classes: of the data set.
        label_smoothing: of the loss in training.
        device: of the model.
    """

    def __init__(
        self, model: nn.Module, *, classes: int, label_smoothing: float, device: torch.device
    ) -> None:
        self._model = model
        self._classes = classes
        self._label_smoothing = label_smoothing
        self._device = device

    def loss_and_hits(
        self, outputs: Tensor, targets: Tensor, image_hw: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """See the protocol. With mixup an image's label is that of the larger share."""
        self._check(outputs, len(targets))
        loss = F.cross_entropy(outputs.float(), targets, label_smoothing=self._label_smoothing)
        whole = targets if targets.ndim == 1 else targets.argmax(dim=1)
        return loss, (outputs.argmax(dim=1) == whole).sum()

    def kept(self, outputs: Tensor, targets: Tensor, image_hw: tuple[int, int]) -> Kept:
        """Keep the logits [B, classes]."""
        self._check(outputs, len(targets))
        return (outputs.float(),)

    def nothing_kept(self) -> Kept:
        """See the protocol."""
        return (torch.zeros((0, self._classes), device=self._device),)

    def metrics(self, kept: Kept, targets: Tensor) -> Metrics:
        """See :func:`trainers.evaluation.metrics.classification_metrics`."""
        (logits,) = kept
        return classification_metrics(logits, targets)

    def report(self, kept: Kept, targets: Tensor) -> ClassificationReport:
        """Return the metrics with every class's results."""
        (logits,) = kept
        return classification_report(logits, targets)

    def _check(self, outputs: Tensor, images: int) -> None:
        check_logits(outputs, (images, self._classes), self._model)
