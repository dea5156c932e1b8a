"""Channel counts and map sizes of every part of a network, before anything is built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from search_space.architecture import Architecture, Stage, Task
from search_space.counts import strided
from search_space.families import (
    BlockKind,
    FamilyName,
    FamilySettings,
    Shortcut,
    primitive_in_channels,
)
from search_space.networks.detection.plan import (
    DetectorPlan,
    check_image,
    plan_heads,
    plan_pyramid,
)
from search_space.networks.ending import Ending, plan_ending
from search_space.primitives import ChannelAttention, InvertedBottleneck, Primitive, Stem
from search_space.primitives.channel_attention.channel_attention import Placement


class BlockPlan(NamedTuple):
    """Everything that a block's construction and cost depend on."""

    family: FamilyName
    kind: BlockKind
    shortcut: Shortcut  # where the shape changes
    primitive: Primitive
    recalibration: ChannelAttention | None  # the field's name is part of saved latency tables
    in_channels: int
    width: int  # channels of the spatial operator
    out_channels: int
    stride: int
    input_hw: tuple[int, int]  # (height, width), pixels

    @property
    def output_hw(self) -> tuple[int, int]:
        """The output map: every primitive divides by its stride, rounding up."""
        return strided(self.input_hw, self.stride)

    @property
    def primitive_in_channels(self) -> int:
        """Channels of the primitive's input."""
        return primitive_in_channels(self.kind, self.width, self.in_channels)

    @property
    def changes_shape(self) -> bool:
        """Whether the input cannot be added to the branch unchanged."""
        return self.stride != 1 or self.in_channels != self.out_channels

    @property
    def gated_channels(self) -> int:
        """Channels of the map that channel attention sees.

        In an inverted bottleneck's branch that is the expanded map, as in MnasNet.
        """
        stands_within = self.channel_attention_at("branch") is not None
        if (
            stands_within
            and self.kind == "inverted_bottleneck"
            and isinstance(self.primitive, InvertedBottleneck)
        ):
            return self.primitive.expansion * self.in_channels
        return self.out_channels

    def channel_attention_at(self, placement: Placement) -> ChannelAttention | None:
        """Return the channel attention if it stands at ``placement``; else None."""
        if self.recalibration is None or self.recalibration.placement != placement:
            return None
        return self.recalibration


class StagePlan(NamedTuple):
    """A stage's blocks: runs of equal ones, each with how many there are."""

    runs: tuple[tuple[BlockPlan, int], ...]

    @property
    def last(self) -> BlockPlan:
        """The block that the stage's output comes from."""
        return self.runs[-1][0]


class NetworkPlan(NamedTuple):
    """A stem, the blocks of each stage, and the ending."""

    stem: Stem
    in_channels: int
    input_hw: tuple[int, int]
    stages: tuple[StagePlan, ...]
    ending: Ending | DetectorPlan


def plan_block(
    settings: FamilySettings, stage: Stage, index: int, in_channels: int, hw: tuple[int, int]
) -> BlockPlan:
    """Lay out one block of a stage whose input has ``in_channels`` on ``hw`` = (H, W) pixels."""
    out_channels = stage.width * settings.expansion
    return BlockPlan(
        settings.family,
        settings.block,
        settings.shortcut,
        stage.blocks[index],
        stage.recalibration[index] if stage.recalibration else None,
        out_channels if index else in_channels,
        stage.width,
        out_channels,
        1 if index else stage.stride,
        strided(hw, stage.stride) if index else hw,
    )


def plan_stage(
    settings: FamilySettings, stage: Stage, in_channels: int, hw: tuple[int, int]
) -> StagePlan:
    """Lay out a stage whose input has ``in_channels`` on ``hw`` = (H, W) pixels."""
    runs: list[tuple[BlockPlan, int]] = []
    for index, primitive in enumerate(stage.blocks):
        if index > 1:  # only a stage's first block has another input
            before, number = runs[-1]
            again = stage.recalibration[index] if stage.recalibration else None
            if before.primitive == primitive and before.recalibration == again:
                runs[-1] = (before, number + 1)
                continue
        runs.append((plan_block(settings, stage, index, in_channels, hw), 1))
    return StagePlan(tuple(runs))


def plan_network(architecture: Architecture, task: Task) -> NetworkPlan:
    """Lay ``architecture`` out on ``task``'s images.

    Raises:
        ValueError: the stem, or a detector's last level, cannot take such images; or the task has
            too few classes for a classifier.
    """
    image_channels, height, width = task.input_shape
    hw = architecture.stem.output_hw((height, width))
    channels = architecture.stem.width
    stages = []
    for stage in architecture.stages:
        planned = plan_stage(architecture, stage, channels, hw)
        stages.append(planned)
        hw, channels = planned.last.output_hw, planned.last.out_channels
    ending = _plan_ending(architecture, task, stages)
    return NetworkPlan(architecture.stem, image_channels, (height, width), tuple(stages), ending)


def _plan_ending(
    architecture: Architecture, task: Task, stages: Sequence[StagePlan]
) -> Ending | DetectorPlan:
    detector = architecture.detector
    if detector is None:
        last = stages[-1].last
        seen = (last.out_channels, last.output_hw)
        return plan_ending(architecture.family, *seen, architecture.head, task.classes)
    check_image(detector, task.input_shape[1:])
    merged = architecture.merged_stages()
    outputs = [stages[index].last for index in merged]
    inputs = [(each.out_channels, *each.output_hw) for each in outputs]
    pyramid = plan_pyramid(detector, architecture.family, inputs)
    return DetectorPlan(detector, merged, pyramid, plan_heads(detector, pyramid.maps, task.classes))
