"""The attention that is put beside the expansions of an MnasNet's stage, or taken away.

Its settings are those of the nearest stage that has attention, the stage itself first and of two
equally near ones the earlier, as fractions of the hidden channels. If there is none, or its heads
are more than the hidden channels, they are those of Attention Augmented Convolutional Networks,
section 4.3: kappa = 2 upsilon = 0.1, relative positions and 4 heads, or as many as there are hidden
channels. Attention is on half the map where the whole has more than 32 x 32 pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from search_space.attention_forms import AttentionPosition
from search_space.primitives import Description, InvertedBottleneck, InvertedBottleneckRatios
from search_space.swaps.parts import block_inputs
from search_space.swaps.primitive_settings import Place

KAPPA, UPSILON = 0.1, 0.05
HEADS = 4


class _Settings(NamedTuple):
    kappa: float
    upsilon: float
    heads: int
    position: AttentionPosition


def plain_bottlenecks(place: Place) -> tuple[Description, ...]:
    """Return the stage's blocks, with no attention."""
    return tuple(
        block.replace(augmentation=None) if isinstance(block, InvertedBottleneck) else block
        for block in place.stage.blocks
    )


def augmented_bottlenecks(place: Place) -> tuple[Description, ...]:
    """Return the stage's blocks, with attention in each inverted bottleneck that expands.

    At least one must expand.
    """
    stage = place.stage
    inputs = block_inputs(place.architecture, place.stage_index, stage.width)
    hidden = [
        block.expansion * channels
        for block, channels in zip(stage.blocks, inputs, strict=True)
        if isinstance(block, InvertedBottleneck) and block.expansion > 1
    ]
    known = (each for each in _known_settings(place) if each.heads <= min(hidden))
    default = _Settings(KAPPA, UPSILON, min(HEADS, *hidden), "relative")
    settings = next(known, default)
    return tuple(
        InvertedBottleneckRatios(
            kernel=block.kernel,
            expansion=block.expansion,
            **settings._asdict(),
            downsample=place.attends_on_half,
        )
        if isinstance(block, InvertedBottleneck) and block.expansion > 1
        else block
        for block in stage.blocks
    )


def _known_settings(place: Place) -> Iterator[_Settings]:
    """Yield the settings of the first block with attention of each stage, the nearest first."""
    for index in place.nearest_stages():
        stage = place.architecture.stages[index]
        inputs = block_inputs(place.architecture, index, stage.width)
        for block, channels in zip(stage.blocks, inputs, strict=True):
            if isinstance(block, InvertedBottleneck) and block.augmentation is not None:
                attention, hidden = block.augmentation, block.expansion * channels
                yield _Settings(
                    min(1.0, attention.key_depth / hidden),
                    attention.value_depth / hidden,
                    attention.heads,
                    attention.position,
                )
                break
