"""Detectors as values: one JSON and one id, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from search_space.architecture import Architecture, Stage, Task
from search_space.cost import network_costs
from search_space.detector import Detector, stage_strides
from search_space.primitives import AttentionStem, ConvolutionStem, LocalAttention
from search_space.zoo import network
from tests.search_space.small_detectors import CONV, LOCAL, backbone, small_detector

WHOLE = Architecture(
    block="basic",
    stem=ConvolutionStem(width=4, kernel=3, stride=4, pool=False),
    stages=tuple(Stage(width=4, stride=s, blocks=(CONV,)) for s in (1, 2, 1, 2, 1, 2)),
)


def test_a_detector_is_read_back_from_its_json_and_has_an_id_of_its_own() -> None:
    for fields in ({}, {"normalized": True}, {"anchors_per_position": 6}, {"anchor_scale": 2}):
        for operator in (CONV, LOCAL):
            detector = small_detector(operator, **fields)
            again = Architecture.from_json(detector.canonical_json())
            assert again == detector
            assert again.arch_id == detector.arch_id
            assert again.replace(detector=None) == backbone()
    ids = {small_detector(operator).arch_id for operator in (CONV, LOCAL)}
    assert len(ids | {backbone().arch_id, small_detector(layers=1).arch_id}) == 4


def test_the_json_of_a_classifier_does_not_name_detectors() -> None:
    assert "detector" not in json.loads(backbone().canonical_json())
    assert "detector" not in backbone().model_dump()
    assert backbone().replace(detector=None).arch_id == backbone().arch_id


def test_the_text_of_a_detector() -> None:
    text = str(small_detector(LOCAL, normalized=True, anchor_scale=2.5))
    assert text.endswith(
        "| P3-P7 attn(k=3,h=2)+norm w8 | heads attn(k=3,h=2)+norm x2, 3 anchors from 2.5 strides]"
    )
    assert str(small_detector()).endswith("| P3-P7 conv3 w8 | heads conv3 x2, 3 anchors]")


def test_reading_a_detector_does_not_load_pytorch() -> None:
    code = (
        "import sys; from search_space.architecture import Architecture;"
        "Architecture.from_json(sys.argv[1]); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, small_detector(LOCAL).canonical_json()], check=True)


def test_the_stages_of_a_pyramid_are_the_last_of_their_strides() -> None:
    assert network("retinanet_resnet50").merged_stages() == (1, 2, 3)
    detector = WHOLE.replace(detector=Detector())
    assert detector.merged_stages() == (2, 4, 5)
    lower = WHOLE.replace(detector=Detector(first_level=2), stages=WHOLE.stages)
    assert lower.merged_stages() == (0, 2, 4, 5)
    mobile = network("mnasnet_100").replace(head=None, detector=Detector())
    assert mobile.merged_stages() == (2, 4, 6)


@pytest.mark.parametrize(
    ("stem", "strides", "reached"),
    [
        (ConvolutionStem(width=4), (1, 2, 2), (4, 8, 16)),
        (ConvolutionStem(width=4, kernel=3, stride=1, pool=False), (1, 3), (1, 3)),
        (AttentionStem(width=8, block=2), (2, 2), (4, 8)),
    ],
)
def test_strides(stem: Any, strides: tuple[int, ...], reached: tuple[int, ...]) -> None:
    assert stage_strides(stem, strides) == reached


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"anchors_per_position": 4}, "a multiple of 3, the aspect ratios, got anchors_per_pos"),
        ({"last_level": 2}, "last_level must be at least first_level, got first_level=3, last_l"),
        ({"width": 9, "heads": LOCAL}, "heads of width 9: heads must divide the output channels"),
        ({"width": 0}, "greater than or equal to 1"),
        ({"layers": 0}, "greater than or equal to 1"),
        ({"anchor_scale": 0.0}, "greater than 0"),
        (
            {"pyramid": {"type": "identity"}},
            "pyramid must be conv or local_attention, got identity",
        ),
        (
            {"heads": LocalAttention(extent=1, heads=2)},
            r"heads: at width 8, attn\(k=1,h=2\) must be written in its resolved form, attn\(k=1",
        ),
    ],
)
def test_a_detector_that_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Detector(**{"width": 8} | fields)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"stages": backbone().stages[:3]},
            "detector: a pyramid from P3 to P7 needs stages of strides 8, 16, 32, got 4, 8, 16",
        ),
        (
            {"stages": (*backbone().stages, backbone().stages[-1])},
            "a pyramid from P3 to P7 ends with the stages of stride 32, got 4, 8, 16, 32, 64",
        ),
        ({"head": 8}, "head: stands before a classifier, a detector has none, got 8"),
        (
            {"stem": AttentionStem(width=4, block=3, heads=1)},
            "does not divide images by a power of two",
        ),
    ],
)
def test_a_backbone_that_a_pyramid_cannot_have(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        backbone().replace(detector=Detector(width=8), **changes)


@pytest.mark.parametrize("shape", [(3, 127, 200), (3, 200, 64)])
def test_images_below_the_stride_of_the_last_level(shape: tuple[int, int, int]) -> None:
    hw = f"{shape[1]}x{shape[2]}"
    message = f"P7 has a stride of 128 pixels: images must have at least 128 a side, got {hw}"
    with pytest.raises(ValueError, match=message):
        network_costs(small_detector(), Task(input_shape=shape, classes=3))


def test_classes() -> None:
    for classes in (0, -1):
        with pytest.raises(ValidationError, match=r"classes\n.*greater than or equal to 1"):
            Task(input_shape=(3, 128, 128), classes=classes)
    one = Task(input_shape=(3, 128, 128), classes=1)
    assert network_costs(small_detector(), one).parts[-2].output_shape[1] == 1
    with pytest.raises(ValueError, match="a classifier needs at least 2 classes, got 1"):
        network_costs(backbone(), one)
    with pytest.raises(ValueError, match="a classifier merges no features: it has no detector"):
        backbone().merged_stages()
