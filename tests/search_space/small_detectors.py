"""Small detectors, with every stage that a pyramid needs."""

from __future__ import annotations

from typing import Any

from search_space.architecture import Architecture, Stage
from search_space.detector import Detector
from search_space.primitives import Convolution, ConvolutionStem, LocalAttention, Primitive

CONV = Convolution()
LOCAL = LocalAttention(extent=3, heads=2)
WIDTHS = (4, 6, 8, 10)


def backbone(last_level: int = 5, family: Any = "resnet") -> Architecture:
    """A backbone of a basic block a stage, of strides 4, 8, ... up to that of the last level."""
    stages = tuple(
        Stage(width=width, stride=2 if index else 1, blocks=(CONV,))
        for index, width in enumerate(WIDTHS[: last_level - 1])
    )
    stem = ConvolutionStem(width=4, kernel=3, stride=2, pool=True)
    return Architecture(family=family, block="basic", stem=stem, stages=stages)


def small_detector(
    operator: Primitive = CONV, *, family: Any = "resnet", **fields: Any
) -> Architecture:
    """A detector of 8 channels whose pyramid and heads have one operator, unless fields say."""
    chosen = {"width": 8, "layers": 2, "anchors_per_position": 3}
    detector = Detector(**chosen | {"pyramid": operator, "heads": operator} | fields)
    return backbone(min(detector.last_level, 5), family).replace(detector=detector)
