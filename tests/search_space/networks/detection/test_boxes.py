"""Anchors and decoded boxes, against loops over levels, positions, scales and ratios."""

from __future__ import annotations

from math import ceil, exp, log, sqrt
from typing import Any

import pytest
import torch
from torch import Tensor

from search_space.architecture import Task
from search_space.detector import Detector
from search_space.networks import RetinaNet, build
from search_space.networks.detection.boxes import anchor_boxes, decoded_boxes
from search_space.networks.plan import plan_network
from tests.search_space.comparison import normal
from tests.search_space.small_detectors import small_detector

Box = list[float]

SIZES = [(128, 128), (139, 170), (257, 131)]
DETECTORS: list[dict[str, Any]] = [
    {},
    {"anchors_per_position": 6},
    {"anchors_per_position": 3, "anchor_scale": 2.5},
    {"first_level": 2, "last_level": 5},
    {"first_level": 4, "last_level": 4},
]


def anchors_by_loops(detector: Detector, height: int, width: int) -> list[Box]:
    """RetinaNet section 4: areas of (scale 2^l)^2 times 2^(2 s / S), ratios 1:2, 1:1 and 2:1."""
    boxes = []
    octaves = detector.anchors_per_position // 3
    for level in range(detector.first_level, detector.last_level + 1):
        stride = 2**level
        for row in range(ceil(height / stride)):
            for column in range(ceil(width / stride)):
                middle_x, middle_y = stride * column + stride / 2, stride * row + stride / 2
                for octave in range(octaves):
                    side = detector.anchor_scale * stride * 2 ** (octave / octaves)
                    for tall in (1 / 2, 1, 2):
                        across, down = side / sqrt(tall), side * sqrt(tall)
                        boxes.append(
                            [
                                middle_x - across / 2,
                                middle_y - down / 2,
                                middle_x + across / 2,
                                middle_y + down / 2,
                            ]
                        )
    return boxes


def decoded_by_loops(offset: Box, anchor: Box, height: int, width: int) -> Box:
    """Faster R-CNN's equation 2 solved for the box, cut at the image."""
    left, top, right, bottom = anchor
    across, down = right - left, bottom - top
    x = offset[0] * across + (left + right) / 2
    y = offset[1] * down + (top + bottom) / 2
    w, h = (
        side * exp(min(t, log(62.5))) for side, t in zip((across, down), offset[2:], strict=True)
    )
    corners = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
    ends = (width, height, width, height)
    return [min(max(corner, 0.0), end) for corner, end in zip(corners, ends, strict=True)]


@pytest.mark.parametrize("hw", SIZES, ids=str)
@pytest.mark.parametrize("fields", DETECTORS, ids=str)
def test_anchors(fields: dict[str, Any], hw: tuple[int, int]) -> None:
    detector = Detector(**fields)
    wanted = torch.tensor(anchors_by_loops(detector, *hw))
    torch.testing.assert_close(anchor_boxes(detector, hw), wanted, rtol=1e-5, atol=1e-3)


def test_anchors_of_the_paper_by_hand() -> None:
    anchors = anchor_boxes(Detector(), (128, 128))
    assert len(anchors) == 9 * (16**2 + 8**2 + 4**2 + 2**2 + 1)
    assert anchors[1].tolist() == [-12.0, -12.0, 20.0, 20.0]  # 32 x 32 around (4, 4)
    sides = (anchors[:, 2:] - anchors[:, :2]).prod(dim=1).sqrt()
    assert sides.min().item() == pytest.approx(32)
    assert sides.max().item() == pytest.approx(512 * 2 ** (2 / 3))


@pytest.mark.parametrize("hw", SIZES, ids=str)
def test_decoding(hw: tuple[int, int]) -> None:
    detector = Detector(anchors_per_position=3)
    anchors = anchor_boxes(detector, hw).double()
    offsets = normal(2, len(anchors), 4)
    offsets[0, :: len(anchors) // 9, 2:] = 9.0  # beyond the largest size
    boxes = decoded_boxes(offsets, anchors, hw)
    for image in range(2):
        wanted = [
            decoded_by_loops(offset, anchor, *hw)
            for offset, anchor in zip(offsets[image].tolist(), anchors.tolist(), strict=True)
        ]
        torch.testing.assert_close(boxes[image], torch.tensor(wanted, dtype=torch.float64))
    height, width = hw
    assert (boxes >= 0).all()
    assert (boxes[..., 0::2] <= width).all()
    assert (boxes[..., 1::2] <= height).all()
    assert (boxes[..., 2:] >= boxes[..., :2]).all()


def test_no_offset_is_the_anchor_itself_cut_at_the_image() -> None:
    anchors = anchor_boxes(Detector(), (130, 150))
    boxes = decoded_boxes(torch.zeros(1, len(anchors), 4), anchors, (130, 150))[0]
    inside = (anchors[:, :2] >= 0).all(1) & (anchors[:, 2] <= 150) & (anchors[:, 3] <= 130)
    assert inside.any()
    torch.testing.assert_close(boxes[inside], anchors[inside])


@pytest.mark.parametrize("hw", [(128, 128), (139, 170)], ids=str)
def test_predictions_have_the_order_of_the_anchors(hw: tuple[int, int]) -> None:
    """Shifting one position's map moves the box of that position's anchors alone."""
    architecture = small_detector(layers=1)
    task = Task(input_shape=(3, *hw), classes=2)
    model = build(architecture, task, seed=0).eval()
    assert isinstance(model, RetinaNet)
    plan: Any = plan_network(architecture, task).ending
    maps = [torch.zeros(1, 8, *map_hw) for map_hw in plan.heads.maps]
    anchors = anchor_boxes(model.detector, hw)
    for level, map_hw in enumerate(plan.heads.maps):
        row, column = map_hw[0] - 1, map_hw[1] // 2
        changed = [each.clone() for each in maps]
        changed[level][0, :, row, column] = 1.0
        with torch.no_grad():
            moved = _changed(model.box_head(maps), model.box_head(changed))
        stride = 2 ** (3 + level)
        centres = (anchors[:, :2] + anchors[:, 2:]) / 2
        there = (centres == torch.tensor([(column + 0.5) * stride, (row + 0.5) * stride])).all(1)
        own_level = torch.zeros_like(there)
        before = sum(3 * h * w for h, w in plan.heads.maps[:level])
        own_level[before : before + 3 * map_hw[0] * map_hw[1]] = True
        assert moved[there & own_level].all()
        assert not moved[~own_level].any()


def _changed(before: Tensor, after: Tensor) -> Tensor:
    return (before != after).any(dim=2)[0]


def test_boxes_of_a_network_are_its_decoded_offsets() -> None:
    hw = (139, 170)
    model = build(small_detector(), Task(input_shape=(3, *hw), classes=2), seed=0).eval()
    assert isinstance(model, RetinaNet)
    with torch.no_grad():
        predictions = model(normal(2, 3, *hw).float())
    boxes = model.boxes(predictions, hw)
    wanted = decoded_boxes(predictions.offsets, anchor_boxes(model.detector, hw), hw)
    assert torch.equal(boxes, wanted)
    assert predictions.logits.shape == (2, boxes.shape[1], 2)
