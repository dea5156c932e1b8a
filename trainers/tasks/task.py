"""The task of a training: what its loss is, and how outputs become metrics.

The loop, normalisation groups, processes, weight averages and resuming know no task. A loss is a
mean over images, each of which counts by itself: so groups and processes add up to the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Protocol

from torch import Tensor

TaskName = Literal["classification", "detection"]
"""The names of the tasks."""

Kept = tuple[Tensor, ...]
"""The tensors that an evaluation keeps of some images: ``[images, ...]``, alike for every batch."""


class TaskMetrics(Protocol):
    """The metrics of one split. A dataclass, whose fields are plain values."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def loss(self) -> float:
        """The mean loss of an image, as the task has it in evaluation."""

    @property
    def images(self) -> int:
        """The number of those that were evaluated."""

    @property
    def score(self) -> float:
        """The one number in 0..1 by which networks are compared; more is better."""


class TaskReport(Protocol):
    """The metrics of one split, and what the task tells beside them."""

    @property
    def metrics(self) -> TaskMetrics:
        """Over all images."""

    def to_dict(self) -> Mapping[str, Any]:
        """Return plain values: the metrics, and the rest by its name."""


class LearnedTask(Protocol):
    """The task of a training. One process uses it on one device.

    ``outputs`` are what the network returned for B images, and ``targets`` are theirs, on its
    device: of a classification labels [B] or probabilities [B, classes], of a detection objects
    [B, M, 6] (:mod:`trainers.boxes`).
    """

    def loss_and_hits(
        self, outputs: Any, targets: Tensor, image_hw: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Return the mean loss of the images, float32 [], and the sum of their hits [].

        An image's hit is in 0..1: how far the network was right on it, as the task says.

        Args:
            outputs: as above.
            targets: as above.
            image_hw: (height, width) of the images, in pixels.

        Raises:
            ValueError: the network's outputs have other shapes.
        """

    def kept(self, outputs: Any, targets: Tensor, image_hw: tuple[int, int]) -> Kept:
        """Return what an evaluation keeps of some images.

        Args:
            outputs: as above.
            targets: as above, not mixed.
            image_hw: (height, width) of the images, in pixels.

        Raises:
            ValueError: the network's outputs have other shapes.
        """

    def nothing_kept(self) -> Kept:
        """Return what an evaluation keeps of no images."""

    def metrics(self, kept: Kept, targets: Tensor) -> TaskMetrics:
        """Return the metrics of a split from what was kept of its images, and their targets."""

    def report(self, kept: Kept, targets: Tensor) -> TaskReport:
        """Return the report of a split from what was kept of its images, and their targets."""
