"""The parts of networks, each by itself: stems, blocks, endings, pyramids and heads.

Architectures of one space share them, so a part's measurement holds for all of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from search_space.architecture import Architecture, Stage, Task
from search_space.networks.detection.heads import build_box_head, build_class_head
from search_space.networks.detection.plan import HeadsPlan, MapShape, PyramidPlan
from search_space.networks.detection.pyramid import FeaturePyramid
from search_space.networks.detection.space_parts import detector_parts
from search_space.networks.ending import Classifier, Ending, build_head, plan_ending
from search_space.networks.endings import EndingPart, ending_parts
from search_space.networks.network import BLOCK_FORMS
from search_space.networks.plan import BlockPlan, plan_block, plan_network
from search_space.primitives import ChannelAttention, Primitive, Stem
from search_space.space import SearchSpace
from search_space.space.stage_choices import StageChoices
from search_space.space.stage_components import StageComponents
from search_space.values import Value


class StemPlan(NamedTuple):
    """A stem and the images that it sees."""

    stem: Stem
    in_channels: int
    input_hw: tuple[int, int]  # (height, width), pixels


Part = StemPlan | BlockPlan | EndingPart
"""A part, hashable and equal by content."""

KINDS: dict[type[Part], str] = {
    StemPlan: "stem",
    BlockPlan: "block",
    Ending: "ending",
    PyramidPlan: "pyramid",
    HeadsPlan: "heads",
}


class BothHeads(nn.Module):
    """The class head and the box head of a detector, on the same maps."""

    def __init__(self, plan: HeadsPlan) -> None:
        super().__init__()
        self.class_head = build_class_head(plan)
        self.box_head = build_box_head(plan)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """See the class."""
        return self.class_head(maps), self.box_head(maps)


def part_name(part: Part) -> str:
    """Return the one JSON text of a part: its kind and all that its construction depends on."""
    fields = {name: _plain(value) for name, value in part._asdict().items()}
    named = {"part": KINDS[type(part)], **fields}
    return json.dumps(named, sort_keys=True, separators=(",", ":"))


def build_part(part: Part, *, seed: int) -> nn.Module:
    """Build the module of ``part`` in a network.

    Its input is ``[B, C, H, W]`` of the one shape in :func:`part_inputs`; a pyramid's and the
    heads' is a sequence of such maps.

    The same seed gives the same initial weights; torch's global generator does not change.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if isinstance(part, StemPlan):
            return part.stem.build(part.in_channels)
        if isinstance(part, BlockPlan):
            return BLOCK_FORMS[part.family].build(part)
        if isinstance(part, PyramidPlan):
            return FeaturePyramid(part)
        if isinstance(part, HeadsPlan):
            return BothHeads(part)
        return nn.Sequential(build_head(part), Classifier(part.features, part.classes))


def part_inputs(part: Part) -> tuple[MapShape, ...]:
    """Return the shape (channels, height, width) of each map that a part sees."""
    if isinstance(part, PyramidPlan | HeadsPlan):
        return part.inputs
    return ((part.in_channels, *part.input_hw),)


def parts_of_network(architecture: Architecture, task: Task) -> Counter[Part]:
    """Count how often each part stands in a network.

    Raises:
        ValueError: the network cannot take the task's images.
    """
    plan = plan_network(architecture, task)
    parts: Counter[Part] = Counter([StemPlan(plan.stem, plan.in_channels, plan.input_hw)])
    for stage in plan.stages:
        for block, number in stage.runs:
            parts[block] += number
    parts.update(ending_parts(plan.ending))
    return parts


def parts_of_space(space: SearchSpace, task: Task) -> list[Part]:
    """List every distinct part of any architecture of ``space``, in a fixed order.

    Raises:
        ValueError: a network cannot take the task's images.
    """
    image_channels, *image_hw = task.input_shape
    hw = (image_hw[0], image_hw[1])
    parts: dict[Part, None] = {}  # an ordered set
    maps: dict[tuple[int, tuple[int, int]], None] = {}  # channels and pixels that a stage may see
    for stem in space.layout.stems.distinct:
        parts[StemPlan(stem, image_channels, hw)] = None
        maps[stem.width, stem.output_hw(hw)] = None
    for choices in space.layout.stages:
        following: dict[tuple[int, tuple[int, int]], None] = {}
        for channels, map_hw in maps:
            for block in _blocks(space, choices, channels, map_hw):
                parts[block] = None
                following[block.out_channels, block.output_hw] = None
        maps = following
    if space.layout.detector is not None:
        return [*parts, *detector_parts(space, task)]
    for channels, map_hw in maps:
        config = space.config
        parts[plan_ending(config.family, channels, map_hw, config.head, task.classes)] = None
    return list(parts)


def _blocks(
    space: SearchSpace, choices: StageChoices, channels: int, hw: tuple[int, int]
) -> Iterator[BlockPlan]:
    """Yield the blocks of a stage whose input has ``channels`` on ``hw``; some more than once."""
    for depth, width in choices.sizes():
        gates = choices.components.channel_attention_choices(depth, width, channels).distinct
        for index in range(depth):
            primitives = _primitives(choices.components, index, depth, width, channels)
            here = dict.fromkeys(each[index] if each else None for each in gates)
            for primitive, gate in product(primitives, here):
                stage = _stage_with(choices, width, primitive, gate, is_first=index == 0)
                yield plan_block(space.config, stage, len(stage.blocks) - 1, channels, hw)


def _primitives(
    components: StageComponents, index: int, depth: int, width: int, channels: int
) -> dict[Primitive, None]:
    """Return every primitive that one block can have."""
    component = components.primitive(index)
    inputs = components.inputs(component, depth, width, channels)
    seen = inputs.index(components.input_channels(index, width, channels))
    choices = components.choices(component, depth, width, channels).distinct
    return dict.fromkeys(primitives[seen] for primitives in choices)


def _stage_with(
    choices: StageChoices,
    width: int,
    primitive: Primitive,
    gate: ChannelAttention | None,
    *,
    is_first: bool,
) -> Stage:
    """Return a stage that ends in such a block, as its first block or a later one."""
    number = 1 if is_first else 2
    return Stage(
        width=width,
        stride=choices.config.stride,
        blocks=(primitive,) * number,
        recalibration=(*(None,) * (number - 1), gate) if gate else (),
    )


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, Value) else value
