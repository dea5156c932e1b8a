"""Suppression in ONNX's operators gives the detections that this package gives."""

from __future__ import annotations

import onnx
import pytest
import torch

from nas.storage.networks.exports.onnx_file import OnnxNetwork
from nas.storage.networks.exports.onnx_suppression import with_suppression
from nas.storage.networks.exports.record import Suppression
from trainers.recipe import Detection
from trainers.tasks.detection.detections import detections

ANCHORS, CLASSES = 60, 3
IDENTITY = f"""
<ir_version: 10, opset_import: ["" : 20]>
given (float[batch, {ANCHORS}, {4 + CLASSES}] image)
    => (float[batch, {ANCHORS}, 4] boxes, float[batch, {ANCHORS}, {CLASSES}] scores) {{
    sizes = Constant <value_ints = [4, {CLASSES}]> ()
    boxes, scores = Split <axis = 2> (image, sizes)
}}
"""
"""A "network" whose image is its boxes and scores."""


class Given(OnnxNetwork):
    """It takes boxes and scores as one tensor [B, N, 4 + C]."""

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        return tuple(map(torch.from_numpy, self._session.run(None, {"image": x.numpy()})))


def suppressed(boxes: torch.Tensor, scores: torch.Tensor, settings: Detection) -> torch.Tensor:
    content = onnx.parser.parse_model(IDENTITY).SerializeToString()
    file = with_suppression(content, Suppression.of(settings, is_inside=True))
    onnx.checker.check_model(onnx.load_from_string(file), full_check=True)
    network = Given(file, "given.onnx")
    assert network.outputs == ("boxes", "scores", "detections")
    same_boxes, same_scores, rows = network(torch.cat([boxes, scores], dim=2))
    assert torch.equal(same_boxes, boxes)
    assert torch.equal(same_scores, scores)
    return rows


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"score_threshold": 0.5, "suppression_iou": 0.2},
        {"candidates_per_image": 40, "detections_per_image": 7},
        {"score_threshold": 0.0, "suppression_iou": 1.0, "detections_per_image": 500},
    ],
)
def test_it_gives_the_same_detections(changes: dict[str, float]) -> None:
    settings = Detection.model_validate(changes)
    generator = torch.Generator().manual_seed(0)
    corners = 20 * torch.rand(4, ANCHORS, 2, generator=generator)
    sides = 10 * torch.rand(4, ANCHORS, 2, generator=generator)
    boxes = torch.cat([corners, corners + sides], dim=2)
    scores = torch.rand(4, ANCHORS, CLASSES, generator=generator).square()
    scores[1] = 0.01 * scores[1]  # nothing is found
    scores[2, 0, 1] = 0.5  # a threshold itself
    expected = detections(scores, boxes, settings)
    rows = suppressed(boxes, scores, settings)
    assert rows.shape[1] == min(len(expected[0]), settings.candidates_per_image, ANCHORS * CLASSES)
    assert torch.equal(rows, expected[:, : rows.shape[1]])
    assert not expected[:, rows.shape[1] :].any()
    assert (rows[0, :, 5] > 0).any()


def test_a_box_at_the_threshold_counts() -> None:
    boxes = torch.zeros(1, ANCHORS, 4)
    scores = torch.zeros(1, ANCHORS, CLASSES)
    boxes[0, 3] = torch.tensor([1.0, 2, 3, 4])
    scores[0, 3, 2] = 0.05
    rows = suppressed(boxes, scores, Detection(score_threshold=0.05))
    assert rows[0, 0].tolist() == pytest.approx([1, 2, 3, 4, 2, 0.05])
    assert not rows[0, 1:].any()
