"""Metrics of a detector on one split, and its report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class DetectionMetrics:
    """The metrics of one split, all fractions in 0..1: average precisions as COCO defines them.

    Attributes:
        average_precision: mean over the classes and over the overlaps .5, .55, ..., .95 from which
            a detection counts (COCO's AP, also called mAP).
        ap50: the same from an overlap of .5 alone.
        ap75: the same from an overlap of .75 alone.
        ap_small: of objects with an area below 32^2 pixels, in pixels of the network's input; None
            without any.
        ap_medium: of those from 32^2 to 96^2.
        ap_large: of those above 96^2.
        loss: mean of the images' losses.
        images: how many were evaluated.
    """

    average_precision: float
    ap50: float
    ap75: float
    ap_small: float | None
    ap_medium: float | None
    ap_large: float | None
    loss: float
    images: int

    @property
    def score(self) -> float:
        """The average precision."""
        return self.average_precision


@dataclass(frozen=True)
class DetectionReport:
    """The results on one split.

    Attributes:
        metrics: over all images.
        class_precisions: each class's average precision; None for a class without objects.
    """

    metrics: DetectionMetrics
    class_precisions: tuple[float | None, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: the metrics and ``class_precisions``."""
        return {**asdict(self.metrics), "class_precisions": list(self.class_precisions)}
