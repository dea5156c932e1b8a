"""One stage of a search space: its parameters, and the stages that they can describe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

import numpy as np

from search_space.architecture import Stage
from search_space.families import BlockKind, primitive_in_channels
from search_space.primitives import ChannelAttention, Primitive
from search_space.primitives.channel_attention import (
    ChannelAttentionDescription,
    channel_attention_of_stage,
)
from search_space.primitives.primitive import Description
from search_space.space.config import StageConfig
from search_space.space.parameters import Slot
from search_space.space.slot_table import Fragment, SlotTable
from search_space.values import Value

Primitives = tuple[Primitive, ...]
"""What a place holds: a primitive for each number of channels that its blocks see."""

Gates = tuple[ChannelAttention | None, ...]


@dataclass(frozen=True)
class StagePlace:
    """A stage's parameters and its places: the primitive of all blocks, and of single ones.

    What a description resolves to may depend on its input's channels, which the first block has
    from the stage before; so every question is asked with ``in_channels``, the stage's.
    """

    config: StageConfig
    block: BlockKind
    expansion: int  # a block's output channels / its width
    depth_parameter: int | None
    width_parameter: int | None
    shared: Slot
    overrides: Mapping[int, Slot]
    recalibration: Slot
    _tables: dict[Any, SlotTable[Any]] = field(default_factory=dict)
    _alternatives: dict[str, list[tuple[Value, Fragment]]] = field(default_factory=dict)
    _resolved: dict[Any, list[Primitive]] = field(default_factory=dict)

    def depth(self, vector: Sequence[int]) -> int:
        """Blocks, by the choices in ``vector``."""
        return self.config.depth[_pick(vector, self.depth_parameter)]

    def width(self, vector: Sequence[int]) -> int:
        """Channels, by the choices in ``vector``."""
        return self.config.width[_pick(vector, self.width_parameter)]

    def slot(self, block: int) -> Slot:
        """The place that a block's primitive comes from."""
        return self.overrides.get(block, self.shared)

    def slots(self, depth: int) -> list[Slot]:
        """The places that exist at ``depth``, each once."""
        return list({self.slot(block).name: self.slot(block) for block in range(depth)}.values())

    def stage(self, vector: Sequence[int], in_channels: int) -> Stage:
        """The stage that the choices in ``vector`` describe.

        Raises:
            ValueError: a primitive cannot be built at these widths.
        """
        depth, width = self.depth(vector), self.width(vector)
        contents: dict[str, Primitives] = {}
        for slot in self.slots(depth):
            description = slot.value(vector)
            assert isinstance(description, Description)
            inputs = self._inputs(slot, depth, width, in_channels)
            contents[slot.name] = tuple(description.resolve(width, n) for n in inputs)
        recalibration = self.recalibration.value(vector)
        assert isinstance(recalibration, ChannelAttentionDescription)
        each = self._resolve_channel_attention(recalibration, depth, width, in_channels)
        return self.assembled(depth, width, in_channels, contents, each)

    def write(self, vector: np.ndarray, stage: Stage, in_channels: int, where: str) -> None:
        """Write a stage's choices into ``vector``.

        Raises:
            ValueError: the stage is not among those described here.
        """
        depth, width = len(stage.blocks), stage.width
        if depth not in self.config.depth or width not in self.config.width:
            raise ValueError(
                f"{where}: depth must be in {list(self.config.depth)} and width in "
                f"{list(self.config.width)}, got depth={depth}, width={width}"
            )
        if stage.stride != self.config.stride:
            raise ValueError(f"{where}: stride must be {self.config.stride}, got {stage.stride}")
        if self.depth_parameter is not None:
            vector[self.depth_parameter] = self.config.depth.index(depth)
        if self.width_parameter is not None:
            vector[self.width_parameter] = self.config.width.index(width)
        for slot in self.slots(depth):
            here: dict[int, Primitive] = {}  # by the channels that it sees
            for index, block in enumerate(stage.blocks):
                channels = self._input(index, width, in_channels)
                if self.slot(index) is slot and here.setdefault(channels, block) != block:
                    raise ValueError(f"{where}: its blocks must share one primitive")
            table = self.table(slot, depth, width, in_channels).first
            found = tuple(here.values())
            if found not in table:
                labels = " + ".join(primitive.label for primitive in found)
                raise ValueError(f"{where}: {labels} is not among the {len(table)} alternatives")
            write(vector, table[found])
        recalibrations = self.channel_attentions(depth, width, in_channels).first
        if stage.recalibration not in recalibrations:
            raise ValueError(
                f"{where}: its channel attention is not among the {len(recalibrations)} "
                "alternatives"
            )
        write(vector, recalibrations[stage.recalibration])

    def contents(self, stage: Stage, in_channels: int) -> dict[str, Primitives]:
        """What each place of a stage holds, by the place's name; the stage is described here."""
        found: dict[str, dict[int, Primitive]] = {}  # by the channels that it sees
        for index, block in enumerate(stage.blocks):
            channels = self._input(index, stage.width, in_channels)
            found.setdefault(self.slot(index).name, {})[channels] = block
        return {name: tuple(primitives.values()) for name, primitives in found.items()}

    def stages(self, in_channels: int) -> Iterator[Stage]:
        """Every distinct stage."""
        for depth, width in self.sizes():
            here = (depth, width, in_channels)
            slots = self.slots(depth)
            tables = [self.table(slot, *here).first for slot in slots]
            for picked, recalibration in product(
                product(*tables), self.channel_attentions(*here).first
            ):
                contents = {s.name: held for s, held in zip(slots, picked, strict=True)}
                yield self.assembled(*here, contents, recalibration)

    def sizes(self) -> Iterator[tuple[int, int]]:
        """Every depth and width."""
        return product(self.config.depth, self.config.width)

    def count(self, width: int, in_channels: int) -> int:
        """How many distinct stages of ``width`` there are."""
        return sum(self.count_at(depth, width, in_channels) for depth in self.config.depth)

    def count_at(self, depth: int, width: int, in_channels: int) -> int:
        """How many distinct stages of ``depth`` and ``width`` there are."""
        here = (depth, width, in_channels)
        gates = len(self.channel_attentions(*here).first)
        return prod((len(self.table(s, *here).first) for s in self.slots(depth)), start=gates)

    def numbered(self, number: int, depth: int, width: int, in_channels: int) -> Stage:
        """One of the stages that :meth:`count_at` counts, for a number from 0 to their count."""
        here = (depth, width, in_channels)
        gates = list(self.channel_attentions(*here).first)
        number, gate = divmod(number, len(gates))
        contents: dict[str, Primitives] = {}
        for slot in reversed(self.slots(depth)):
            held = list(self.table(slot, *here).first)
            number, index = divmod(number, len(held))
            contents[slot.name] = held[index]
        return self.assembled(*here, contents, gates[gate])

    def table(self, slot: Slot, depth: int, width: int, in_channels: int) -> SlotTable[Primitives]:
        """All that a place may hold.

        Raises:
            ValueError: an alternative cannot be built at these widths.
        """
        inputs = self._inputs(slot, depth, width, in_channels)
        key = (slot.name, width, inputs)
        if key not in self._tables:
            contents = list(zip(*(self._resolve(slot, width, n) for n in inputs), strict=True))
            self._tables[key] = self._table(slot, contents)
        return self._tables[key]

    def channel_attentions(self, depth: int, width: int, in_channels: int) -> SlotTable[Gates]:
        """Every channel attention that the blocks may have."""
        key = ("recalibration", depth, width, in_channels)
        if key not in self._tables:
            contents = []
            for description, _ in self._described(self.recalibration):
                assert isinstance(description, ChannelAttentionDescription)
                contents.append(
                    self._resolve_channel_attention(description, depth, width, in_channels)
                )
            self._tables[key] = self._table(self.recalibration, contents)
        return self._tables[key]

    def assembled(
        self,
        depth: int,
        width: int,
        in_channels: int,
        contents: Mapping[str, Primitives],
        recalibration: Gates,
    ) -> Stage:
        """The stage whose places hold ``contents``, by the places' names."""
        by_input = {
            slot.name: dict(
                zip(self._inputs(slot, depth, width, in_channels), contents[slot.name], strict=True)
            )
            for slot in self.slots(depth)
        }
        blocks = tuple(
            by_input[self.slot(block).name][self._input(block, width, in_channels)]
            for block in range(depth)
        )
        return Stage(
            width=width, stride=self.config.stride, blocks=blocks, recalibration=recalibration
        )

    def faults(self, inputs: Sequence[int]) -> list[str]:
        """Why alternatives cannot be built at the widths that they may meet.

        Args:
            inputs: every number of channels that may come into the stage.
        """
        faults: dict[str, None] = {}  # an ordered set: one fault shows at many widths
        seen = set()
        deepest = max(self.config.depth)  # has every place and every input that a smaller depth has
        for width, channels in product(self.config.width, inputs):
            met = [(s, self._inputs(s, deepest, width, channels)) for s in self.slots(deepest)]
            met.append((self.recalibration, (channels, width * self.expansion)))
            for slot, inputs_here in met:
                for block_in in inputs_here:
                    key = (slot.name, width, block_in)
                    if key not in seen:
                        seen.add(key)
                        faults |= dict.fromkeys(self._faults_at(slot, width, block_in))
        return list(faults)

    def _faults_at(self, slot: Slot, width: int, channels: int) -> list[str]:
        faults = []
        for description, _ in self._described(slot):
            try:
                if isinstance(description, ChannelAttentionDescription):
                    description.resolve(width * self.expansion, channels)
                else:
                    assert isinstance(description, Description)
                    description.resolve(width, channels)
            except ValueError as error:
                faults.append(f"{slot.place} at width {width}: {error}")
        return faults

    def _described(self, slot: Slot) -> list[tuple[Value, Fragment]]:
        """Every alternative of a place, read once."""
        if slot.name not in self._alternatives:
            self._alternatives[slot.name] = list(slot.combinations())
        return self._alternatives[slot.name]

    def _table(self, slot: Slot, contents: Sequence[Any]) -> SlotTable[Any]:
        fragments = [fragment for _, fragment in self._described(slot)]
        return SlotTable(fragments, contents, slot.type_parameter)

    def _resolve(self, slot: Slot, width: int, channels: int) -> list[Primitive]:
        """Every alternative of a place for blocks whose primitive sees ``channels``."""
        key = (slot.name, width, channels)
        if key not in self._resolved:
            found: list[Primitive] = []
            for description, _ in self._described(slot):
                assert isinstance(description, Description)
                found.append(description.resolve(width, channels))
            self._resolved[key] = found
        return self._resolved[key]

    def _resolve_channel_attention(
        self, description: ChannelAttentionDescription, depth: int, width: int, in_channels: int
    ) -> Gates:
        channels = width * self.expansion
        inputs = (in_channels, *(channels,) * (depth - 1))
        return channel_attention_of_stage(description, channels, inputs)

    def _input(self, block: int, width: int, in_channels: int) -> int:
        """Channels that the primitive of a block sees."""
        block_in = width * self.expansion if block else in_channels
        return primitive_in_channels(self.block, width, block_in)

    def _inputs(self, slot: Slot, depth: int, width: int, in_channels: int) -> tuple[int, ...]:
        """The different numbers of channels that a place's primitives see, in order."""
        blocks = (block for block in self._first_blocks[slot.name] if block < depth)
        return tuple(dict.fromkeys(self._input(b, width, in_channels) for b in blocks))

    @cached_property
    def _first_blocks(self) -> dict[str, list[int]]:
        """The first two blocks of each place; a third sees the channels that the second sees."""
        first: dict[str, list[int]] = {}
        for block in range(max(self.config.depth)):
            here = first.setdefault(self.slot(block).name, [])
            if len(here) < 2:
                here.append(block)
        return first


def write(vector: np.ndarray, fragment: Fragment) -> None:
    """Write the choices of a fragment into ``vector``."""
    for index, choice in fragment.items():
        vector[index] = choice


def _pick(vector: Sequence[int], parameter: int | None) -> int:
    return 0 if parameter is None else vector[parameter]
