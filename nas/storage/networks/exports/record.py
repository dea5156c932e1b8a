"""The record in an exported file: all that is needed to use it, and to know its origin."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field

from nas.storage.networks.record import NetworkCosts, NetworkRecord
from search_space.architecture import Architecture, Task
from search_space.values import Value
from trainers.recipe.detection import Detection

INPUT, LOGITS = "image", "logits"
"""Names of a network's input, and of a classifier's output, in a file."""

BOXES, SCORES, DETECTIONS = "boxes", "scores", "detections"
"""Names of a detector's outputs in a file; the last is after non-maximum suppression."""

RECORD_KEY = "convattn"
"""The key of the record's JSON among a file's metadata."""

Precision = Literal["float32", "float16", "int8"]


class FileOutput(Value):
    """An output of an exported file, float32."""

    name: str
    shape: tuple[str | int, ...]  # "N" is the number of images
    content: str


class Suppression(Value):
    """The non-maximum suppression of a detector's boxes, which gives its detections.

    It takes the ``candidates_per_image`` most probable pairs of an anchor and a class, from a
    probability of ``score_threshold`` on, the most probable first. A box stays unless one before
    it stays that is of its class and overlaps it (intersection over union) by more than
    ``suppression_iou``; the first ``detections_per_image`` that stay are the detections.
    """

    is_inside: bool  # whether the file does it
    score_threshold: float
    candidates_per_image: int
    suppression_iou: float
    detections_per_image: int

    @classmethod
    def of(cls, settings: Detection, *, is_inside: bool) -> Self:
        """Return that of a recipe."""
        return cls(
            is_inside=is_inside,
            score_threshold=settings.score_threshold,
            candidates_per_image=settings.candidates_per_image,
            suppression_iou=settings.suppression_iou,
            detections_per_image=settings.detections_per_image,
        )


class OutputCheck(Value):
    """The comparison of an exported file's outputs with the network's.

    For int8, of the float32 file that was quantised.
    """

    images: int = Field(ge=1)  # that were compared
    source: str  # of the images
    largest_difference: float = Field(ge=0)  # of an output, over its largest value
    tolerance: float = Field(gt=0)  # of that difference


class AccuracyCheck(Value):
    """The accuracy on validation images before and after quantisation, 0..1."""

    images: int = Field(ge=1)
    calibration_images: int = Field(ge=1)  # of the training images
    before: float = Field(ge=0, le=1)
    after: float = Field(ge=0, le=1)
    quantized_layers: int = Field(ge=1)
    float_layers: tuple[str, ...] = ()  # left in float: those that lost most


class ExportRecord(Value):
    """The description of an exported file."""

    architecture: Architecture
    task: Task
    costs: NetworkCosts
    network: NetworkRecord | None  # preprocessing, class names, recipe, accuracies; None untrained
    precision: Precision = "float32"  # of the weights; input and output are float32
    licence: str | None = None  # of the weights, as the exporting user stated it
    outputs: tuple[FileOutput, ...] = ()  # none of a file of weights, and of early versions
    suppression: Suppression | None = None  # None of a classifier
    checked: OutputCheck | None = None  # None before the check
    quantized: AccuracyCheck | None = None
