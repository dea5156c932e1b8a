"""The parts of networks, each by itself: stems, blocks, endings.

Architectures of one space share them, so a part's measurement holds for all of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import torch
from torch import nn

from search_space.architecture import Architecture, Stage, Task
from search_space.networks.ending import Classifier, Ending, build_head
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


Part = StemPlan | BlockPlan | Ending
"""A part, hashable and equal by content; ``in_channels`` and ``input_hw`` are its input's."""

KINDS: dict[type[Part], str] = {StemPlan: "stem", BlockPlan: "block", Ending: "ending"}


def part_name(part: Part) -> str:
    """Return the one JSON text of a part: its kind and all that its construction depends on."""
    fields = {name: _plain(value) for name, value in part._asdict().items()}
    named = {"part": KINDS[type(part)], **fields}
    return json.dumps(named, sort_keys=True, separators=(",", ":"))


def build_part(part: Part, *, seed: int) -> nn.Module:
    """Build the module of ``part`` in a network; its input is ``[B, in_channels, H, W]``.

    The same seed gives the same initial weights; torch's global generator does not change.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if isinstance(part, StemPlan):
            return part.stem.build(part.in_channels)
        if isinstance(part, BlockPlan):
            return BLOCK_FORMS[part.family].build(part)
        return nn.Sequential(build_head(part), Classifier(part.features, part.classes))


def parts_of_network(architecture: Architecture, task: Task) -> Counter[Part]:
    """Count how often each part stands in a network.

    Raises:
        ValueError: the stem cannot take the task's images.
    """
    plan = plan_network(architecture, task)
    parts: Counter[Part] = Counter([StemPlan(plan.stem, plan.in_channels, plan.input_hw)])
    for stage in plan.stages:
        for block, number in stage.runs:
            parts[block] += number
    parts[plan.ending] += 1
    return parts


def parts_of_space(space: SearchSpace, task: Task) -> list[Part]:
    """List every distinct part of any architecture of ``space``, in a fixed order.

    Raises:
        ValueError: a stem cannot take the task's images.
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
    for channels, map_hw in maps:
        ending = Ending(space.config.family, channels, map_hw, space.config.head, task.classes)
        parts[ending] = None
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
