"""Detectors in exported files: from images to decoded boxes and scores, and to detections.

Decoding is inside every file of operators. Non-maximum suppression is inside ONNX, which has a
standard operator for it; PyTorch has none, so that a program leaves it outside.
"""

from __future__ import annotations

from torch import Tensor, nn

from nas.errors import CommandError
from nas.evaluation.accuracy_metric import AccuracyMetric
from nas.storage.networks.decoded_detector import DecodedDetector
from nas.storage.networks.exports.formats import ExportFormat
from nas.storage.networks.exports.onnx_suppression import with_suppression
from nas.storage.networks.exports.record import (
    BOXES,
    DETECTIONS,
    SCORES,
    FileOutput,
    Suppression,
)
from nas.workflows.exporting.file_form import Outputs
from search_space.architecture import Architecture, Task
from search_space.networks.detection.boxes import anchor_boxes
from trainers.recipe.detection import Detection
from trainers.tasks.detection.average_precision import average_precision
from trainers.tasks.detection.detections import COLUMNS, detections


class DetectorForm:
    """The :class:`nas.workflows.exporting.file_form.FileForm` of detectors.

    Args:
        architecture: of the network.
        task: of the network.
        settings: of detections.

    Attributes:
        names: see the protocol.
    """

    names = (BOXES, SCORES)

    def __init__(self, architecture: Architecture, task: Task, settings: Detection) -> None:
        assert architecture.detector is not None
        self._detector, self._task, self._settings = architecture.detector, task, settings

    def module(self, network: nn.Module) -> nn.Module:
        """Return the network with its boxes decoded."""
        return DecodedDetector(network, self._detector, self._task.input_shape[1:])

    def outputs(self, file_format: ExportFormat) -> tuple[FileOutput, ...]:
        """See the protocol."""
        if file_format == "safetensors":
            return ()
        anchors = len(anchor_boxes(self._detector, self._task.input_shape[1:]))
        classes = self._task.classes
        box = "left, top, right, bottom in pixels of the image that the file takes"
        outputs = (
            FileOutput(name=BOXES, shape=("N", anchors, 4), content=box),
            FileOutput(
                name=SCORES,
                shape=("N", anchors, classes),
                content="probability of each class by itself, 0 to 1",
            ),
        )
        if file_format == "torch_export":
            return outputs
        rows = min(
            self._settings.detections_per_image,
            self._settings.candidates_per_image,
            anchors * classes,
        )
        content = f"{box}; class from 0; probability; the most probable first, and then rows of 0"
        return *outputs, FileOutput(name=DETECTIONS, shape=("N", rows, COLUMNS), content=content)

    def suppression(self, file_format: ExportFormat) -> Suppression:
        """See the protocol."""
        return Suppression.of(self._settings, is_inside=file_format == "onnx")

    def completed(self, content: bytes) -> bytes:
        """Return the file with non-maximum suppression behind boxes and scores."""
        return with_suppression(content, self.suppression("onnx"))

    def expected(self, outputs: Outputs, given: Outputs) -> Outputs:
        """Return the network's boxes and scores, and the detections of the file's own ones."""
        if len(given) == len(outputs):
            return outputs
        boxes, scores, rows = given
        return *outputs, detections(scores, boxes, self._settings)[:, : rows.shape[1]]

    def kept(self, outputs: Outputs) -> Tensor:
        """Return the detections of an ONNX file."""
        return outputs[2]

    def accuracy(self, kept: Tensor, targets: Tensor, metric: AccuracyMetric) -> float:
        """See the protocol.

        Raises:
            CommandError: none of the images has an object.
        """
        precision = average_precision(kept, targets, self._task.classes)
        value = precision.at_50 if metric == "ap50" else precision.all
        if value is None:
            raise CommandError(
                f"none of the {len(targets)} validation images has an object: average precision "
                "needs one"
            )
        return value
