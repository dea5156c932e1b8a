"""Classifiers in exported files: from images to logits."""

from __future__ import annotations

from torch import Tensor, nn

from nas.evaluation.accuracy_metric import AccuracyMetric
from nas.evaluation.evaluate import accuracy_by
from nas.storage.networks.exports.formats import ExportFormat
from nas.storage.networks.exports.record import LOGITS, FileOutput
from nas.workflows.exporting.file_form import Outputs
from trainers.evaluation.metrics import classification_metrics


class ClassifierForm:
    """The :class:`nas.workflows.exporting.file_form.FileForm` of classifiers.

    Args:
        classes: how many there are.

    Attributes:
        names: see the protocol.
    """

    names = (LOGITS,)

    def __init__(self, classes: int) -> None:
        self._classes = classes

    def module(self, network: nn.Module) -> nn.Module:
        """Return the network itself."""
        return network

    def outputs(self, file_format: ExportFormat) -> tuple[FileOutput, ...]:
        """See the protocol."""
        if file_format == "safetensors":
            return ()
        return (FileOutput(name=LOGITS, shape=("N", self._classes), content="of each class"),)

    def suppression(self, file_format: ExportFormat) -> None:
        """Return None: there are no boxes."""

    def completed(self, content: bytes) -> bytes:
        """Return the file itself."""
        return content

    def expected(self, outputs: Outputs, given: Outputs) -> Outputs:
        """Return the network's outputs."""
        return outputs

    def kept(self, outputs: Outputs) -> Tensor:
        """Return the logits."""
        return outputs[0]

    def accuracy(self, kept: Tensor, targets: Tensor, metric: AccuracyMetric) -> float:
        """See the protocol."""
        return accuracy_by(classification_metrics(kept, targets), metric)
