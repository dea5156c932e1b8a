"""Spaces of detectors: what is refused, and in which words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from search_space.detector import Detector
from search_space.space import SearchSpace
from search_space.space.config import SpaceConfig
from search_space.yaml_validation import ConfigError
from tests.search_space.small_spaces import AA, SMALL, read
from tests.search_space.strategies import DETECTORS, DIGITS

DESCRIBED = SMALL["detectors"]


def problem(detector: dict[str, Any] | None = None, **changes: Any) -> str:
    data = DESCRIBED | {"detector": DESCRIBED["detector"] | (detector or {})} | changes
    with pytest.raises(ConfigError) as caught:
        SearchSpace.from_mapping(data)
    (line,) = caught.value.problems
    return line


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"pyramid": AA},
            "detector.pyramid[0].type: pyramid must be conv or local_attention, got augmented_conv",
        ),
        (
            {"heads": {"type": "mine:Own"}},
            "detector.heads[0].type: heads must be conv or local_attention, got mine:Own",
        ),
        (
            {"heads": {"type": "local_attention", "heads": 3}},
            "detector.heads at width 4: heads must divide the output channels, got channels=4, "
            "heads=3",
        ),
        ({"width": [4, 4]}, "detector.width: repeats a choice, got [4, 4]"),
        ({"layers": [1, 1]}, "detector.layers: repeats a choice, got [1, 1]"),
        (
            {"anchors_per_position": 5},
            "detector.anchors_per_position: anchors_per_position must be a multiple of 3, the "
            "aspect ratios, got anchors_per_position=5",
        ),
        (
            {"last_level": 3},
            "detector: behind conv3-stem w4, a pyramid from P1 to P3 needs stages of strides "
            "2, 4, 8, got 2, 4",
        ),
        (
            {"last_level": 1},
            "detector: behind conv3-stem w4, a pyramid from P1 to P1 ends with the stages of "
            "stride 2, got 2, 4",
        ),
        ({"withd": 4}, "detector.withd: unknown key; did you mean 'width'?"),
    ],
)
def test_a_detector_that_is_refused(changes: dict[str, Any], said: str) -> None:
    detector = dict(changes)
    if "heads" in changes and "width" not in changes:
        detector["width"] = 4
    assert problem(detector) == said


def test_a_head_before_a_classifier_that_is_not_there() -> None:
    assert "head: stands before a classifier, detectors have none: 8" in problem(head=8)


def test_too_many_choices_are_not_tried() -> None:
    extents = list(range(1, 203, 2))
    many = {"type": "local_attention", "extent": extents}
    assert problem({"heads": many}) == "detector.heads[0].extent: has 101 choices, at most 100"


def test_a_space_of_classifiers_has_the_digest_that_it_had() -> None:
    assert "detector" not in DIGITS.config.canonical_json()
    config = DETECTORS.config
    assert SpaceConfig.from_json(config.canonical_json()) == config


def test_a_classifier_is_in_no_space_of_detectors_nor_the_reverse() -> None:
    detector = DETECTORS.sample(np.random.default_rng(0))
    backbones = read({k: v for k, v in SMALL["detectors"].items() if k != "detector"})
    inside = next(read(SMALL["detectors"]).architectures())
    with pytest.raises(ValueError, match="holds detectors, got a classifier"):
        DETECTORS.encode(detector.replace(detector=None))
    with pytest.raises(ValueError, match="holds classifiers, got a detector"):
        backbones.encode(inside)
    assert backbones.contains(inside.replace(detector=None))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"normalized": True}, "detector: normalized must be False, got True"),
        ({"width": 16}, r"detector: width must be in \[4, 8\], got 16"),
        ({"layers": 5}, r"detector: layers must be in \[1, 2\], got 5"),
        ({"pyramid": {"type": "conv", "kernel": 5}}, "detector: pyramid conv5 is not among the "),
    ],
)
def test_where_a_detector_leaves_a_space(changes: dict[str, Any], said: str) -> None:
    inside = DETECTORS.sample(np.random.default_rng(0))
    assert isinstance(inside.detector, Detector)
    outside = inside.replace(detector=inside.detector.replace(**changes))
    with pytest.raises(ValueError, match=said):
        DETECTORS.encode(outside)
