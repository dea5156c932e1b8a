"""RetinaNet: a backbone, a feature pyramid, and two heads that all levels share.

Source: Lin et al. 2017, arXiv 1708.02002.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from search_space.networks.detection.boxes import anchor_boxes, decoded_boxes
from search_space.networks.detection.heads import build_box_head, build_class_head
from search_space.networks.detection.plan import DetectorPlan
from search_space.networks.detection.pyramid import FeaturePyramid
from search_space.networks.network import Backbone
from search_space.networks.plan import NetworkPlan


class Predictions(NamedTuple):
    """The heads' outputs for each anchor, in the anchors' order."""

    logits: Tensor  # [B, N, classes]
    offsets: Tensor  # [B, N, 4]


class RetinaNet(Backbone):
    """``[B, C, H, W]`` to :class:`Predictions` of the N anchors of such an image."""

    def __init__(self, plan: NetworkPlan) -> None:
        super().__init__(plan)
        assert isinstance(plan.ending, DetectorPlan)
        self.detector = plan.ending.detector
        self.merged_stages = plan.ending.merged_stages
        self.pyramid = FeaturePyramid(plan.ending.pyramid)
        self.class_head = build_class_head(plan.ending.heads)
        self.box_head = build_box_head(plan.ending.heads)

    def forward(self, x: Tensor) -> Predictions:
        """See the class."""
        features = self.features(x)
        maps = self.pyramid([features[stage] for stage in self.merged_stages])
        return Predictions(self.class_head(maps), self.box_head(maps))

    def boxes(self, predictions: Predictions, image_hw: tuple[int, int]) -> Tensor:
        """Decode the boxes ``[B, N, 4]``, (left, top, right, bottom) in pixels of the image.

        They are float32, or of the offsets' type where that is more precise.

        Args:
            predictions: of images of ``image_hw``.
            image_hw: their (H, W), pixels.
        """
        anchors = self.anchors(image_hw).to(predictions.offsets.device)
        return decoded_boxes(predictions.offsets, anchors, image_hw)

    def anchors(self, image_hw: tuple[int, int]) -> Tensor:
        """Return the anchors ``[N, 4]`` of an image of ``image_hw``, float32, on the CPU."""
        return anchor_boxes(self.detector, image_hw)
