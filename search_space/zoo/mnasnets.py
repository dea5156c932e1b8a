"""MnasNet-A1 (Tan et al. 2019) and its attention-augmented form (AACN section 4.3, Table 4)."""

from __future__ import annotations

from typing import NamedTuple

from search_space.architecture import Architecture, Stage
from search_space.primitives import ConvolutionStem, InvertedBottleneckRatios
from search_space.primitives.channel_attention import (
    NO_CHANNEL_ATTENTION,
    SqueezeExcitationRatio,
    channel_attention_of_stage,
)
from search_space.zoo.width import scaled


class _StageRow(NamedTuple):
    """A row of the paper's Figure 7."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    width: int
    squeezes: bool


STAGES = (
    _StageRow(1, 3, 1, 1, 16, False),
    _StageRow(2, 3, 2, 6, 24, False),
    _StageRow(3, 5, 2, 3, 40, True),
    _StageRow(4, 3, 2, 6, 80, False),
    _StageRow(2, 3, 1, 6, 112, True),
    _StageRow(3, 5, 2, 6, 160, True),
    _StageRow(1, 3, 1, 6, 320, False),
)
STEM_WIDTH = 32
HEAD = 1280  # for every width
FIRST_AUGMENTED = 2
"""The index of the first augmented stage, of map 28 x 28: from it on 13 blocks are augmented, those
of this stage on half the map."""


def mnasnet(multiplier: float = 1.0, *, augmented: bool = False) -> Architecture:
    """Return MnasNet-A1 with all widths but the head's times ``multiplier``.

    Args:
        multiplier: factor on the widths, such as 0.75 or 1.4.
        augmented: attention beside the expansion's 1x1 convolution, kappa = 2 upsilon = 0.1 and 4
            heads.
    """
    squeeze = SqueezeExcitationRatio(reduction=4, of="input")
    stem = ConvolutionStem(width=scaled(STEM_WIDTH, multiplier), kernel=3, stride=2, pool=False)
    channels = stem.width
    stages = []
    for index, row in enumerate(STAGES):
        attends = augmented and index >= FIRST_AUGMENTED
        description = InvertedBottleneckRatios(
            kernel=row.kernel,
            expansion=row.expansion,
            kappa=0.1 if attends else 0.0,
            upsilon=0.05 if attends else 0.0,
            downsample=index == FIRST_AUGMENTED,
        )
        width = scaled(row.width, multiplier)
        inputs = (channels, *(width,) * (row.blocks - 1))
        stages.append(
            Stage(
                width=width,
                stride=row.stride,
                blocks=tuple(description.resolve(width, each) for each in inputs),
                recalibration=channel_attention_of_stage(
                    squeeze if row.squeezes else NO_CHANNEL_ATTENTION, width, inputs
                ),
            )
        )
        channels = width
    return Architecture(family="mnasnet", stem=stem, stages=tuple(stages), head=HEAD)
