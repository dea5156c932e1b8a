"""Channel counts and map sizes of every part of a network, before anything is built."""

from __future__ import annotations

from typing import NamedTuple

from search_space.architecture import Architecture, Task
from search_space.primitives import Primitive, Stem


class BlockPlan(NamedTuple):
    """All that a block's construction and its cost depend on."""

    kind: str  # "basic" or "bottleneck"
    primitive: Primitive
    in_channels: int
    width: int  # channels of the spatial operator
    out_channels: int
    stride: int
    input_hw: tuple[int, int]  # (height, width), pixels

    @property
    def output_hw(self) -> tuple[int, int]:
        """The output map: every primitive divides by its stride, rounding up."""
        return -(-self.input_hw[0] // self.stride), -(-self.input_hw[1] // self.stride)


class NetworkPlan(NamedTuple):
    """A stem, the blocks of each stage, and the classifier's sizes."""

    stem: Stem
    in_channels: int
    input_hw: tuple[int, int]
    stages: tuple[tuple[BlockPlan, ...], ...]
    out_channels: int
    classes: int


def plan_network(architecture: Architecture, task: Task) -> NetworkPlan:
    """Lay ``architecture`` out on ``task``'s images.

    Raises:
        ValueError: the stem cannot take such images.
    """
    in_channels, *image_hw = task.input_shape
    input_hw = (image_hw[0], image_hw[1])
    hw = architecture.stem.output_hw(input_hw)
    channels = architecture.stem.width
    stages = []
    for stage in architecture.stages:
        blocks = []
        for index, primitive in enumerate(stage.blocks):
            stride = stage.stride if index == 0 else 1
            out_channels = stage.width * architecture.expansion
            block = BlockPlan(
                architecture.block, primitive, channels, stage.width, out_channels, stride, hw
            )
            blocks.append(block)
            hw, channels = block.output_hw, out_channels
        stages.append(tuple(blocks))
    return NetworkPlan(
        architecture.stem, in_channels, input_hw, tuple(stages), channels, task.classes
    )
