"""The form in which networks of a task stand in exported files."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn

from nas.evaluation.accuracy_metric import AccuracyMetric
from nas.storage.networks.exports.formats import ExportFormat
from nas.storage.networks.exports.record import FileOutput, Suppression

Outputs = tuple[Tensor, ...]
"""The outputs of a file, or of the module that it holds, for some images."""


class FileForm(Protocol):
    """The form of files of one task's networks: their outputs, and how they are judged."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of what :meth:`module` returns."""

    def module(self, network: nn.Module) -> nn.Module:
        """Return the module that a file of operators holds.

        Args:
            network: as it is trained, or in half precision.
        """

    def outputs(self, file_format: ExportFormat) -> tuple[FileOutput, ...]:
        """Return the outputs of a file, those of :meth:`module` first; none of weights."""

    def suppression(self, file_format: ExportFormat) -> Suppression | None:
        """Return the non-maximum suppression of a detector's boxes."""

    def completed(self, content: bytes) -> bytes:
        """Return an ONNX file of :meth:`module` with all its outputs."""

    def expected(self, outputs: Outputs, given: Outputs) -> Outputs:
        """Return the outputs that a file should have given.

        Args:
            outputs: of :meth:`module`.
            given: by the file.
        """

    def kept(self, outputs: Outputs) -> Tensor:
        """Return what an accuracy is computed from, of the images that a file's outputs are of."""

    def accuracy(self, kept: Tensor, targets: Tensor, metric: AccuracyMetric) -> float:
        """Return an accuracy in 0..1.

        Args:
            kept: of :meth:`kept`, of all images.
            targets: theirs, as :class:`trainers.tasks.task.LearnedTask` has them.
            metric: of this task.
        """


def as_outputs(returned: Tensor | Outputs) -> Outputs:
    """Return what a module returned as a tuple."""
    return (returned,) if isinstance(returned, Tensor) else tuple(returned)
