"""Changes of the whole network: no encoding of positions, and smaller or larger extents.

They are made everywhere at once, as in the papers' ablations (Stand-Alone Self-Attention, Tables 4
and 5; Attention Augmented Convolutional Networks, Tables 7 and 8); a change of each stage alone
would multiply the trainings. Widths stay: only the encodings of positions have other parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from search_space.architecture import Architecture, Stage, Task
from search_space.families import primitive_in_channels
from search_space.networks.plan import plan_network
from search_space.primitives import (
    AttentionStem,
    AugmentedConvolution,
    InvertedBottleneck,
    LocalAttention,
    Primitive,
)
from search_space.scaling import detector_at
from search_space.swaps.parts import block_inputs
from search_space.swaps.primitive_settings import LEAST_EXTENT
from search_space.swaps.proposal import Proposal

PLACE = "network"


def network_swaps(architecture: Architecture, task: Task) -> Iterator[Proposal]:
    """Yield ``architecture`` with no positions, with smaller extents, and with larger ones.

    Attention whose logits come from positions alone keeps them. An extent becomes smaller by 2, but
    not below 3. It becomes larger by 2, but no larger than what sees all of the stage's output map
    from any pixel: 2 n - 1 on a map of n pixels a side.
    """
    yield Proposal(PLACE, "no positions", _without_positions(architecture))
    maps = [stage.last.output_hw for stage in plan_network(architecture, task).stages]

    def smaller(block: Primitive, _: int) -> Primitive:
        if isinstance(block, LocalAttention) and block.extent - 2 >= LEAST_EXTENT:
            return block.replace(extent=block.extent - 2)
        return block

    def larger(block: Primitive, index: int) -> Primitive:
        if isinstance(block, LocalAttention) and block.extent + 2 <= 2 * max(maps[index]) - 1:
            return block.replace(extent=block.extent + 2)
        return block

    yield Proposal(PLACE, "smaller extent", _with_each_block(architecture, smaller))
    yield Proposal(PLACE, "larger extent", _with_each_block(architecture, larger))


def _without_positions(architecture: Architecture) -> Architecture:
    without = _with_each_block(architecture, lambda block, _: _without_position(block))
    if isinstance(without.stem, AttentionStem):
        return without.replace(stem=without.stem.replace(position="none"))
    return without


def _without_position(block: Primitive) -> Primitive:
    if isinstance(block, LocalAttention) and block.content:
        return block.replace(position="none")
    if isinstance(block, AugmentedConvolution):
        return block.replace(position="none")
    if isinstance(block, InvertedBottleneck) and block.augmentation is not None:
        return block.replace(augmentation=block.augmentation.replace(position="none"))
    return block


def _with_each_block(
    architecture: Architecture, changed: Callable[[Primitive, int], Primitive]
) -> Architecture:
    """Return ``architecture`` with each block changed, by it and the index of its stage.

    So are the operators of a detector's pyramid and heads.
    """

    def with_blocks(index: int, stage: Stage) -> Stage:
        inputs = block_inputs(architecture, index, stage.width)
        blocks = (
            changed(block, index).resolve(
                stage.width, primitive_in_channels(architecture.block, stage.width, channels)
            )
            for block, channels in zip(stage.blocks, inputs, strict=True)
        )
        return stage.replace(blocks=tuple(blocks))

    stages = (with_blocks(index, stage) for index, stage in enumerate(architecture.stages))
    detector = architecture.detector
    if detector is not None:
        # as in the first stage that they merge, whose map the largest of the pyramid has
        first = architecture.merged_stages()[0]
        pyramid, heads = (changed(each, first) for each in (detector.pyramid, detector.heads))
        detector = detector_at(detector, detector.width, pyramid, heads)
    return architecture.replace(stages=tuple(stages), detector=detector)
