"""Architectures that several tests name: the papers' networks, and networks of one block."""

from __future__ import annotations

from typing import Any

from search_space.architecture import Architecture, Stage
from search_space.primitives import (
    AttentionStem,
    AugmentedConvolutionRatios,
    Convolution,
    ConvolutionStem,
    LocalAttention,
)


def one_block(primitive: Any, width: int = 8, **fields: Any) -> Architecture:
    """Return a network of one basic block with ``primitive``."""
    stage = Stage(width=width, stride=1, blocks=(primitive,))
    given_fields = {"block": "basic", "expansion": 1, "stem": ConvolutionStem(width=4)} | fields
    return Architecture(stages=(stage,), **given_fields)


RESNET_50 = Architecture(
    stem=ConvolutionStem(),
    stages=tuple(
        Stage(width=width, stride=stride, blocks=(Convolution(),) * depth)
        for width, stride, depth in [(64, 1, 3), (128, 2, 4), (256, 2, 6), (512, 2, 3)]
    ),
)
FULL_ATTENTION_26 = Architecture(
    stem=AttentionStem(),
    stages=tuple(
        Stage(width=width, stride=stride, blocks=(LocalAttention(),) * depth)
        for width, stride, depth in [(64, 1, 1), (128, 2, 2), (256, 2, 4), (512, 2, 1)]
    ),
)
MIXED = one_block(
    AugmentedConvolutionRatios(kappa=0.25, upsilon=0.25, heads=2).resolve(16, 16),
    width=16,
    stem=ConvolutionStem(width=16, kernel=3, stride=1, pool=False),
)
