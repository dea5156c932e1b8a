"""ResNets of both papers: plain, with channel attention, augmented, and of attention alone.

Sources: He et al. 2015; AACN (arXiv 1904.09925) section 4.2; SASA (arXiv 1906.05909) section 4.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from search_space.architecture import Architecture, Stage
from search_space.attention_forms import AttentionPosition
from search_space.families import BlockKind, primitive_in_channels
from search_space.primitives import (
    AttentionStem,
    AugmentedConvolutionRatios,
    Convolution,
    ConvolutionStem,
    LocalAttention,
    Stem,
)
from search_space.primitives.channel_attention import (
    NO_CHANNEL_ATTENTION,
    ChannelAttentionDescription,
    channel_attention_of_stage,
)
from search_space.primitives.primitive import Description
from search_space.zoo.width import scaled

GROUPS = (1, 2, 3, 4)
"""SASA's layer groups, ResNet's stages."""

GROUP_WIDTHS = {1: 64, 2: 128, 3: 256, 4: 512}

DEPTHS = {
    18: (2, 2, 2, 2),
    26: (1, 2, 4, 1),
    34: (3, 4, 6, 3),
    38: (2, 3, 5, 2),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""Blocks in each stage by nominal depth: basic blocks in 18 and 34, bottlenecks in the others."""

BASIC_DEPTHS = (18, 34)


def resnet(
    depth: int,
    *,
    channel_attention: ChannelAttentionDescription = NO_CHANNEL_ATTENTION,
    width: float = 1.0,
) -> Architecture:
    """Return ResNet, plain or with SE, GE, BAM, CBAM or GALA in its blocks (AACN Tables 2, 3).

    Channel attention that stands after a whole stage (BAM) leaves out the last, as its paper does.
    """
    return _network(
        depth, lambda group: Convolution(), width=width, channel_attention=channel_attention
    )


def aa_resnet(
    depth: int,
    kappa: float,
    upsilon: float,
    *,
    position: AttentionPosition = "relative",
    min_key_depth_per_head: int = 20,
    width: float = 1.0,
) -> Architecture:
    """Return ResNet with its last three stages augmented, the first of them on half the map.

    In a basic block the first of the two 3x3 convolutions is augmented.
    """
    augmented = AugmentedConvolutionRatios(
        kappa=kappa,
        upsilon=upsilon,
        position=position,
        min_key_depth_per_head=min_key_depth_per_head,
    )

    def primitive(group: int) -> Description:
        return augmented.replace(downsample=group == 2) if group > 1 else Convolution()

    return _network(depth, primitive, width=width)


def sasa_resnet(
    depth: int,
    *,
    stem: Stem | None = None,
    attention: LocalAttention | None = None,
    attention_groups: Collection[int] = GROUPS,
    width: float = 1.0,
) -> Architecture:
    """Return ResNet with local attention as 3x3 convolutions of some layer groups (SASA Table 3).

    Args:
        depth: 26, 38 or 50.
        stem: the stem; SASA's attention stem by default.
        attention: extent, heads and position encoding of the attention; the paper's by default.
        attention_groups: numbers from 1 to 4; the other groups keep their convolutions.
        width: factor on all widths.
    """
    chosen = attention or LocalAttention()

    def primitive(group: int) -> Description:
        return chosen if group in attention_groups else Convolution()

    return _network(depth, primitive, stem=stem or AttentionStem(), width=width)


def _network(
    depth: int,
    primitive_of_group: Callable[[int], Description],
    *,
    stem: Stem | None = None,
    channel_attention: ChannelAttentionDescription = NO_CHANNEL_ATTENTION,
    width: float,
) -> Architecture:
    if depth not in DEPTHS:
        raise ValueError(f"depth must be one of {', '.join(map(str, DEPTHS))}, got {depth}")
    block: BlockKind = "basic" if depth in BASIC_DEPTHS else "bottleneck"
    expansion = 1 if block == "basic" else 4
    stem = stem or ConvolutionStem()
    stem = stem.replace(width=scaled(stem.width, width))
    stages = []
    channels = stem.width
    for group, blocks in zip(GROUPS, DEPTHS[depth], strict=True):
        stage_width = scaled(GROUP_WIDTHS[group], width)
        description = primitive_of_group(group)
        inputs = (channels, *(stage_width * expansion,) * (blocks - 1))
        channels = stage_width * expansion
        each = channel_attention_of_stage(channel_attention, channels, inputs)
        branch_gates = any(gate and gate.placement == "branch" for gate in each)
        stages.append(
            Stage(
                width=stage_width,
                stride=2 if group > 1 else 1,
                blocks=tuple(
                    description.resolve(
                        stage_width, primitive_in_channels(block, stage_width, block_in)
                    )
                    for block_in in inputs
                ),
                recalibration=each if branch_gates or group < GROUPS[-1] else (),
            )
        )
    return Architecture(
        block=block,
        expansion=expansion,
        stem=stem,
        stages=tuple(stages),
    )
