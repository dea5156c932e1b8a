"""The record in an exported file: all that is needed to use it, and to know its origin."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nas.storage.networks.record import NetworkCosts, NetworkRecord
from search_space.architecture import Architecture, Task
from search_space.values import Value

INPUT, OUTPUT = "image", "logits"
"""Names of a network's input and output in a file."""

RECORD_KEY = "convattn"
"""The key of the record's JSON among a file's metadata."""

Precision = Literal["float32", "float16", "int8"]


class OutputCheck(Value):
    """The comparison of an exported file's logits with the network's.

    For int8, of the float32 file that was quantised.
    """

    images: int = Field(ge=1)  # that were compared
    source: str  # of the images
    largest_difference: float = Field(ge=0)  # of logits, over the largest logit
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
    checked: OutputCheck | None = None  # None before the check
    quantized: AccuracyCheck | None = None
