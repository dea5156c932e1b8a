"""The components of a stage, and what each of them can be at given widths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from search_space.families import BlockKind, primitive_in_channels
from search_space.primitives import ChannelAttention, Primitive
from search_space.primitives.channel_attention import (
    ChannelAttentionDescription,
    channel_attention_of_stage,
)
from search_space.primitives.primitive import Description
from search_space.space.component_choices import ComponentChoices, Entries
from search_space.space.config import StageConfig
from search_space.space.resolved_choices import ResolvedChoices
from search_space.values import Value

Primitives = tuple[Primitive, ...]
"""A component's primitives: one for each number of channels that its blocks see."""

Gates = tuple[ChannelAttention | None, ...]
"""The channel attention of each block of a stage; None for none."""


class StageComponents:
    """The primitive of all blocks, those of single blocks, and the channel attention.

    What a description resolves to may depend on its input's channels, which the first block has
    from the stage before; so methods take ``in_channels``, the stage's. Each result is kept.

    Args:
        config: the stage's.
        block: the family's residual block.
        expansion: a block's output channels / its width.
        shared: the primitive of every block that has none of its own.
        overrides: the primitives of single blocks, by their number from 0.
        channel_attention: at the end of the blocks' branches, or of the stage.
    """

    def __init__(
        self,
        config: StageConfig,
        block: BlockKind,
        expansion: int,
        *,
        shared: ComponentChoices,
        overrides: Mapping[int, ComponentChoices],
        channel_attention: ComponentChoices,
    ) -> None:
        self.channel_attention = channel_attention
        self._config = config
        self._block = block
        self._expansion = expansion
        self.every_primitive = (shared, *overrides.values())
        self._of_block = [overrides.get(index, shared) for index in range(max(config.depth))]
        # The first two blocks of each component; a third sees the channels that the second sees.
        self._first_blocks: dict[str, list[int]] = {}
        for index, component in enumerate(self._of_block):
            first = self._first_blocks.setdefault(component.name, [])
            if len(first) < 2:
                first.append(index)
        self._described = {
            component.name: list(component.combinations())
            for component in (*self.primitives(max(config.depth)), channel_attention)
        }
        self._resolved: dict[tuple[str, int, int], list[Primitive]] = {}
        self._choices: dict[tuple[str, int, tuple[int, ...]], ResolvedChoices[Primitives]] = {}
        self._gates: dict[tuple[int, int, int], ResolvedChoices[Gates]] = {}

    def primitive(self, block: int) -> ComponentChoices:
        """Return the component that a block's primitive comes from."""
        return self._of_block[block]

    def primitives(self, depth: int) -> list[ComponentChoices]:
        """Return the components that the primitives of ``depth`` blocks come from, each once."""
        return list({component.name: component for component in self._of_block[:depth]}.values())

    def choices(
        self, component: ComponentChoices, depth: int, width: int, in_channels: int
    ) -> ResolvedChoices[Primitives]:
        """Return all primitives that a component can be.

        Raises:
            ValueError: one cannot be built at these widths.
        """
        inputs = self.inputs(component, depth, width, in_channels)
        key = (component.name, width, inputs)
        if key not in self._choices:
            built = list(zip(*(self._resolve(component, width, n) for n in inputs), strict=True))
            self._choices[key] = self._resolved_choices(component, built)
        return self._choices[key]

    def channel_attention_choices(
        self, depth: int, width: int, in_channels: int
    ) -> ResolvedChoices[Gates]:
        """Return all channel attention that the blocks can have."""
        key = (depth, width, in_channels)
        if key not in self._gates:
            built = []
            for description, _ in self._described[self.channel_attention.name]:
                assert isinstance(description, ChannelAttentionDescription)
                built.append(self.resolve_channel_attention(description, depth, width, in_channels))
            self._gates[key] = self._resolved_choices(self.channel_attention, built)
        return self._gates[key]

    def resolve_channel_attention(
        self, description: ChannelAttentionDescription, depth: int, width: int, in_channels: int
    ) -> Gates:
        """Return the channel attention of each block by a description."""
        channels = width * self._expansion
        inputs = (in_channels, *(channels,) * (depth - 1))
        return channel_attention_of_stage(description, channels, inputs)

    def input_channels(self, block: int, width: int, in_channels: int) -> int:
        """Return the channels that the primitive of a block sees."""
        block_in = width * self._expansion if block else in_channels
        return primitive_in_channels(self._block, width, block_in)

    def inputs(
        self, component: ComponentChoices, depth: int, width: int, in_channels: int
    ) -> tuple[int, ...]:
        """Return the different numbers of channels that a component's primitives see, in order."""
        blocks = (block for block in self._first_blocks[component.name] if block < depth)
        return tuple(dict.fromkeys(self.input_channels(b, width, in_channels) for b in blocks))

    def problems(self, inputs: Sequence[int]) -> list[str]:
        """Say which choices cannot be built at the widths that they may meet, one line each.

        Args:
            inputs: every number of channels that may come into the stage.
        """
        problems: dict[str, None] = {}  # an ordered set: one problem shows at many widths
        tried = set()
        deepest = max(self._config.depth)  # has every component and input of a smaller depth
        for width, channels in product(self._config.width, inputs):
            met = [
                (component, self.inputs(component, deepest, width, channels))
                for component in self.primitives(deepest)
            ]
            met.append((self.channel_attention, (channels, width * self._expansion)))
            for component, component_inputs in met:
                for block_in in component_inputs:
                    key = (component.name, width, block_in)
                    if key not in tried:
                        tried.add(key)
                        problems |= dict.fromkeys(self._problems(component, width, block_in))
        return list(problems)

    def _problems(self, component: ComponentChoices, width: int, channels: int) -> list[str]:
        problems = []
        for description, _ in self._described[component.name]:
            try:
                if isinstance(description, ChannelAttentionDescription):
                    description.resolve(width * self._expansion, channels)
                else:
                    _resolved(description, width, channels)
            except ValueError as error:
                problems.append(f"{component.path} at width {width}: {error}")
        return problems

    def _resolved_choices(
        self, component: ComponentChoices, built: Sequence[Any]
    ) -> ResolvedChoices[Any]:
        entries: list[Entries] = [each for _, each in self._described[component.name]]
        return ResolvedChoices(entries, built, component.type_parameter)

    def _resolve(self, component: ComponentChoices, width: int, channels: int) -> list[Primitive]:
        """Return every choice of a component, for blocks whose primitive sees ``channels``."""
        key = (component.name, width, channels)
        if key not in self._resolved:
            self._resolved[key] = [
                _resolved(description, width, channels)
                for description, _ in self._described[component.name]
            ]
        return self._resolved[key]


def _resolved(description: Value, width: int, channels: int) -> Primitive:
    assert isinstance(description, Description)
    return description.resolve(width, channels)
