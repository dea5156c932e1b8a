"""ResNets of both papers: plain, recalibrated, attention-augmented, and of attention alone.

Sources: He et al. 2015; AACN (arXiv 1904.09925) section 4.2; SASA (arXiv 1906.05909) section 4.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from search_space.architecture import Architecture, Stage
from search_space.primitives import (
    AttentionStem,
    AugmentedConvolutionRatios,
    Convolution,
    ConvolutionStem,
    LocalAttention,
    Stem,
)
from search_space.primitives.positions import AttentionPosition
from search_space.primitives.primitive import Description
from search_space.primitives.recalibration import Recalibration, RecalibrationDescription
from search_space.zoo.width import scaled

GROUPS = (1, 2, 3, 4)
"""SASA's layer groups, ResNet's stages."""

GROUP_WIDTHS = {1: 64, 2: 128, 3: 256, 4: 512}

DEPTHS = {
    26: (1, 2, 4, 1),
    34: (3, 4, 6, 3),
    38: (2, 3, 5, 2),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""Blocks in each stage by nominal depth; 34 has basic blocks, the others bottlenecks."""


def resnet(
    depth: int,
    *,
    recalibration: RecalibrationDescription | None = None,
    width: float = 1.0,
) -> Architecture:
    """ResNet, or with SE, GE, BAM, CBAM or GALA in its blocks (AACN Tables 2 and 3).

    A recalibration that stands after a whole stage (BAM) leaves out the last, as its paper does.
    """
    return _network(depth, lambda group: Convolution(), width=width, recalibration=recalibration)


def aa_resnet(
    depth: int,
    kappa: float,
    upsilon: float,
    *,
    position: AttentionPosition = "relative",
    width: float = 1.0,
) -> Architecture:
    """Attention-augmented ResNet: the last three stages; the 28 x 28 one attends on half the map.

    In a basic block the first of the two 3x3 convolutions is augmented.
    """
    augmented = AugmentedConvolutionRatios(kappa=kappa, upsilon=upsilon, position=position)

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
    """ResNet whose 3x3 convolutions are local attention in the layer groups given (SASA Table 3).

    Args:
        depth: 26, 38 or 50.
        stem: SASA's attention stem unless given.
        attention: its extent, heads and encoding of position; the paper's unless given.
        attention_groups: among 1 to 4; the others keep their convolutions.
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
    recalibration: RecalibrationDescription | None = None,
    width: float,
) -> Architecture:
    if depth not in DEPTHS:
        raise ValueError(f"depth must be one of {', '.join(map(str, DEPTHS))}, got {depth}")
    basic = depth == 34
    expansion = 1 if basic else 4
    stem = stem or ConvolutionStem()
    stem = stem.replace(width=scaled(stem.width, width))
    stages = []
    channels = stem.width
    for group, blocks in zip(GROUPS, DEPTHS[depth], strict=True):
        stage_width = scaled(GROUP_WIDTHS[group], width)
        primitive = primitive_of_group(group).resolve(stage_width, channels)
        inputs = (channels, *(stage_width * expansion,) * (blocks - 1))
        channels = stage_width * expansion
        stages.append(
            Stage(
                width=stage_width,
                stride=2 if group > 1 else 1,
                blocks=(primitive,) * blocks,
                recalibration=_recalibrations(recalibration, channels, inputs, group),
            )
        )
    return Architecture(
        block="basic" if basic else "bottleneck",
        expansion=expansion,
        stem=stem,
        stages=tuple(stages),
    )


def _recalibrations(
    description: RecalibrationDescription | None, channels: int, inputs: Sequence[int], group: int
) -> tuple[Recalibration | None, ...]:
    """Of each block of a group: they put out ``channels`` and take in ``inputs``."""
    each = [description.resolve(channels, block_in) for block_in in inputs] if description else []
    if not any(each):
        return ()
    if each[-1] is not None and each[-1].placement == "stage":
        return () if group == GROUPS[-1] else (*(None,) * (len(inputs) - 1), each[-1])
    return tuple(each)
