"""Wide-ResNet-28-10 on 32 x 32 images and its forms with SE, GE or attention (AACN Table 1)."""

from __future__ import annotations

from search_space.architecture import Architecture, Stage
from search_space.primitives import AugmentedConvolutionRatios, Convolution, ConvolutionStem
from search_space.primitives.channel_attention import (
    NO_CHANNEL_ATTENTION,
    ChannelAttentionDescription,
    channel_attention_of_stage,
)
from search_space.primitives.primitive import Description
from search_space.zoo.width import scaled

STEM_WIDTH = 16
STAGE_WIDTHS = (160, 320, 640)
BLOCKS = 4  # in each stage


def wide_resnet(
    *,
    channel_attention: ChannelAttentionDescription = NO_CHANNEL_ATTENTION,
    augmented: bool = False,
    width: float = 1.0,
) -> Architecture:
    """Return three stages of four pre-activation blocks.

    Args:
        channel_attention: what stands at the end of every block's branch.
        augmented: whether the first convolution of every block is augmented, with kappa =
            2 upsilon = 0.2, 8 heads and at least 20 key dimensions a head, on the whole map (AACN
            4.1 and A.1).
        width: factor on all widths.
    """
    description: Description = Convolution()
    if augmented:
        description = AugmentedConvolutionRatios(kappa=0.2, upsilon=0.1)
    stem = ConvolutionStem(
        width=scaled(STEM_WIDTH, width), kernel=3, stride=1, pool=False, activated=False
    )
    stages = []
    channels = stem.width
    for index, base in enumerate(STAGE_WIDTHS):
        stage_width = scaled(base, width)
        inputs = (channels, *(stage_width,) * (BLOCKS - 1))
        each = channel_attention_of_stage(channel_attention, stage_width, inputs)
        channels = stage_width
        stages.append(
            Stage(
                width=stage_width,
                stride=2 if index else 1,
                blocks=tuple(description.resolve(stage_width, block_in) for block_in in inputs),
                recalibration=each,
            )
        )
    return Architecture(family="wide_resnet", stem=stem, stages=tuple(stages))
