"""Detection as a task: anchors matched with objects, focal and smooth L1 loss, COCO's metrics."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from trainers.errors import DataError
from trainers.recipe.detection import Detection
from trainers.tasks.detection.average_precision import AveragePrecision, average_precision
from trainers.tasks.detection.detections import COLUMNS, detections
from trainers.tasks.detection.losses import detection_losses
from trainers.tasks.detection.matching import Matches, match
from trainers.tasks.detection.metrics import DetectionMetrics, DetectionReport
from trainers.tasks.task import Kept


@runtime_checkable
class Detector(Protocol):
    """A network that maps images [B, C, H, W] to (logits [B, N, classes], offsets [B, N, 4])."""

    def anchors(self, image_hw: tuple[int, int]) -> Tensor:
        """Return the anchors [N, 4] of an image: (left, top, right, bottom), in pixels."""

    def boxes(self, predictions: Any, image_hw: tuple[int, int]) -> Tensor:
        """Decode the boxes [B, N, 4] of what the network returned, in pixels.

        It is the inverse of :func:`trainers.tasks.detection.losses.box_offsets`.
        """


class ObjectDetection:
    """The :class:`trainers.tasks.task.LearnedTask` of images with objects in boxes.

    Args:
        model: a :class:`Detector`.
        classes: of the data set.
        settings: of matching, losses and detections.
        device: of the model.
    """

    def __init__(
        self, model: Detector, *, classes: int, settings: Detection, device: torch.device
    ) -> None:
        self._model = model
        self._classes = classes
        self._settings = settings
        self._device = device
        self._anchors: dict[tuple[int, int], Tensor] = {}

    def loss_and_hits(
        self, outputs: Any, targets: Tensor, image_hw: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """See the protocol.

        An image's hit is the share of its matched anchors whose highest logit is their object's
        class; 1 of an image without any.
        """
        losses, matches = self._losses(outputs, targets, image_hw)
        with torch.no_grad():
            is_matched = matches.classes >= 0
            right = (outputs[0].argmax(dim=2) == matches.classes) & is_matched
            matched = is_matched.sum(dim=1)
            hits = (right.sum(dim=1) / matched.clamp(min=1)).where(matched > 0, 1)
        return losses.mean(), hits.sum()

    def kept(self, outputs: Any, targets: Tensor, image_hw: tuple[int, int]) -> Kept:
        """Keep the losses [B] and the detections [B, D, 6]."""
        losses, _ = self._losses(outputs, targets, image_hw)
        boxes = self._model.boxes(outputs, image_hw)
        return losses, detections(outputs[0].float().sigmoid(), boxes, self._settings)

    def nothing_kept(self) -> Kept:
        """See the protocol."""
        empty = torch.zeros(0, device=self._device)
        return empty, empty.new_zeros((0, self._settings.detections_per_image, COLUMNS))

    def metrics(self, kept: Kept, targets: Tensor) -> DetectionMetrics:
        """Return COCO's average precisions.

        Raises:
            DataError: the split has no objects.
        """
        return self._metrics(kept, average_precision(kept[1], targets, self._classes))

    def report(self, kept: Kept, targets: Tensor) -> DetectionReport:
        """Return the metrics with every class's average precision.

        Raises:
            DataError: the split has no objects.
        """
        precision = average_precision(kept[1], targets, self._classes)
        return DetectionReport(self._metrics(kept, precision), precision.classes)

    def _losses(
        self, outputs: Any, targets: Tensor, image_hw: tuple[int, int]
    ) -> tuple[Tensor, Matches]:
        anchors = self._anchors_of(image_hw)
        logits, offsets = self._checked(outputs, (len(targets), len(anchors)))
        with torch.no_grad():
            matches = match(anchors, targets, self._settings)
        losses = detection_losses(logits.float(), offsets.float(), anchors, matches, self._settings)
        return losses, matches

    def _anchors_of(self, image_hw: tuple[int, int]) -> Tensor:
        if image_hw not in self._anchors:
            self._anchors[image_hw] = self._model.anchors(image_hw).to(self._device)
        return self._anchors[image_hw]

    def _checked(self, outputs: Any, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
        wanted = [(*shape, self._classes), (*shape, 4)]
        is_pair = isinstance(outputs, tuple) and len(outputs) == len(wanted)
        shapes = [tuple(each.shape) for each in outputs] if is_pair else type(outputs).__name__
        if shapes != wanted:
            raise ValueError(
                f"the model {type(self._model).__name__} must return logits [images, anchors, "
                f"classes] and offsets [images, anchors, 4] = {[list(each) for each in wanted]}, "
                f"got {shapes}"
            )
        return outputs

    @staticmethod
    def _metrics(kept: Kept, precision: AveragePrecision) -> DetectionMetrics:
        losses, _ = kept
        if precision.all is None or precision.at_50 is None or precision.at_75 is None:
            raise DataError(
                f"none of the {len(losses)} images to evaluate has an object: average precision "
                "needs one"
            )
        return DetectionMetrics(
            average_precision=precision.all,
            ap50=precision.at_50,
            ap75=precision.at_75,
            ap_small=precision.small,
            ap_medium=precision.medium,
            ap_large=precision.large,
            loss=losses.double().mean().item(),
            images=len(losses),
        )
