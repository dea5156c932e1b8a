"""Settings of a detector's training and of its detections."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from trainers.settings import Settings


class Detection(Settings):
    """Matching, losses and detections of RetinaNet (Lin et al. 2017, arXiv 1708.02002).

    The defaults are those of the paper's sections 4 and 4.1, but for gamma and the box loss, which
    are those of the published code that both papers of attention built on (TensorFlow's
    ``tpu/models/official/retinanet``).
    """

    match_iou: float = Field(default=0.5, gt=0, le=1)
    """Overlap (intersection over union) from which an anchor is to find an object."""
    background_iou: float = Field(default=0.4, ge=0, le=1)
    """Overlap below which an anchor is background; between both thresholds it is not trained."""
    match_best_anchor: bool = True
    """Match every object at least with the anchor that overlaps it most, as published code does;
    the paper does not say so."""
    focal_alpha: float = Field(default=0.25, gt=0, lt=1)
    """Weight of an anchor's own class in the focal loss; the other classes' is 1 less it."""
    focal_gamma: float = Field(default=1.5, ge=0)
    """Exponent of the focal loss, with which well classified anchors count less; 0 is plain
    cross-entropy. RetinaNet's is 2."""
    box_beta: float = Field(default=0.1, gt=0)
    """Distance, in an offset, up to which the smooth L1 loss is quadratic."""
    box_weight: float = Field(default=1.25, gt=0)
    """Weight of the box loss beside the focal loss. The published code's 50 comes to 1.25 here: it
    has the Huber loss, which is `box_beta` times this one, and takes the mean of four offsets."""
    score_threshold: float = Field(default=0.05, ge=0, lt=1)
    """Least probability of a class with which an anchor becomes a detection."""
    candidates_per_image: int = Field(default=1000, ge=1)
    """Most probable pairs of anchor and class of an image from which detections are chosen. Unit:
    pairs."""
    suppression_iou: float = Field(default=0.5, gt=0, le=1)
    """Overlap above which the less probable of two detections of one class is dropped."""
    detections_per_image: int = Field(default=100, ge=1)
    """Most detections of an image; average precision looks at 100. Unit: detections."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.background_iou > self.match_iou:
            raise ValueError(
                "background_iou must be at most match_iou, got "
                f"background_iou={self.background_iou}, match_iou={self.match_iou}"
            )
        return self
