"""One stage of a search space: its parameters, and the stages that they can describe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any

import numpy as np

from search_space.alternatives import Slot
from search_space.architecture import Stage
from search_space.families import BlockKind, primitive_in_channels
from search_space.primitives import Primitive, Recalibration
from search_space.primitives.primitive import Description
from search_space.primitives.recalibration import (
    RecalibrationDescription,
    recalibrations_of_stage,
)
from search_space.space_config import StageConfig
from search_space.values import Value

Fragment = Mapping[int, int]
"""From a parameter to its choice."""

Recalibrations = tuple[Recalibration | None, ...]


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
    _tables: dict[Any, dict[Any, Fragment]] = field(default_factory=dict)
    _alternatives: dict[str, list[tuple[Value, Fragment]]] = field(default_factory=dict)
    _resolved: dict[Any, list[tuple[Primitive, Fragment]]] = field(default_factory=dict)

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
        resolved: dict[tuple[str, int], Primitive] = {}
        for slot in self.slots(depth):
            description = slot.value(vector)
            assert isinstance(description, Description)
            for channels in self._inputs(slot, depth, width, in_channels):
                resolved[slot.name, channels] = description.resolve(width, channels)
        recalibration = self.recalibration.value(vector)
        assert isinstance(recalibration, RecalibrationDescription)
        each = self._resolve_recalibration(recalibration, depth, width, in_channels)
        return self._stage(depth, width, in_channels, resolved, each)

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
            table = self.primitives(slot, depth, width, in_channels)
            found = tuple(here.values())
            if found not in table:
                labels = " + ".join(primitive.label for primitive in found)
                raise ValueError(f"{where}: {labels} is not among the {len(table)} alternatives")
            write(vector, table[found])
        recalibrations = self.recalibrations(depth, width, in_channels)
        if stage.recalibration not in recalibrations:
            raise ValueError(
                f"{where}: its recalibration is not among the {len(recalibrations)} alternatives"
            )
        write(vector, recalibrations[stage.recalibration])

    def stages(self, in_channels: int) -> Iterator[Stage]:
        """Every distinct stage."""
        for depth, width in product(self.config.depth, self.config.width):
            slots = self.slots(depth)
            tables = [self.primitives(slot, depth, width, in_channels) for slot in slots]
            each = self.recalibrations(depth, width, in_channels)
            for picked, recalibration in product(product(*tables), each):
                resolved = {
                    (slot.name, channels): primitive
                    for slot, primitives in zip(slots, picked, strict=True)
                    for channels, primitive in zip(
                        self._inputs(slot, depth, width, in_channels), primitives, strict=True
                    )
                }
                yield self._stage(depth, width, in_channels, resolved, recalibration)

    def count(self, width: int, in_channels: int) -> int:
        """How many distinct stages of ``width`` there are."""
        return sum(
            prod(len(self.primitives(s, depth, width, in_channels)) for s in self.slots(depth))
            * len(self.recalibrations(depth, width, in_channels))
            for depth in self.config.depth
        )

    def primitives(
        self, slot: Slot, depth: int, width: int, in_channels: int
    ) -> dict[tuple[Primitive, ...], Fragment]:
        """Each distinct content of a place, with the first choices that give it.

        A content is the primitive for each number of channels that the place's primitives see.

        Raises:
            ValueError: an alternative cannot be built at these widths.
        """
        inputs = self._inputs(slot, depth, width, in_channels)
        key = (slot.name, width, inputs)
        if key not in self._tables:
            table: dict[tuple[Primitive, ...], Fragment] = {}
            for each in zip(*(self._resolve(slot, width, n) for n in inputs), strict=True):
                table.setdefault(tuple(primitive for primitive, _ in each), each[0][1])
            self._tables[key] = table
        return self._tables[key]

    def recalibrations(
        self, depth: int, width: int, in_channels: int
    ) -> dict[Recalibrations, Fragment]:
        """Each distinct recalibration of the blocks, with the first choices that give it."""
        key = ("recalibration", depth, width, in_channels)
        if key not in self._tables:
            table: dict[Recalibrations, Fragment] = {}
            for description, fragment in self._described(self.recalibration):
                assert isinstance(description, RecalibrationDescription)
                each = self._resolve_recalibration(description, depth, width, in_channels)
                table.setdefault(each, fragment)
            self._tables[key] = table
        return self._tables[key]

    def faults(self, inputs: Sequence[int]) -> list[str]:
        """Why alternatives cannot be built at the widths that they may meet.

        Args:
            inputs: every number of channels that may come into the stage.
        """
        faults: dict[str, None] = {}  # an ordered set: one fault shows at many widths
        seen = set()
        for depth, width, channels in product(self.config.depth, self.config.width, inputs):
            met: list[tuple[Slot, tuple[int, ...]]] = [
                (slot, self._inputs(slot, depth, width, channels)) for slot in self.slots(depth)
            ]
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
                if isinstance(description, RecalibrationDescription):
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

    def _resolve(self, slot: Slot, width: int, channels: int) -> list[tuple[Primitive, Fragment]]:
        """Every alternative of a place for blocks whose primitive sees ``channels``."""
        key = (slot.name, width, channels)
        if key not in self._resolved:
            found: list[tuple[Primitive, Fragment]] = []
            for description, fragment in self._described(slot):
                assert isinstance(description, Description)
                found.append((description.resolve(width, channels), fragment))
            self._resolved[key] = found
        return self._resolved[key]

    def _stage(
        self,
        depth: int,
        width: int,
        in_channels: int,
        resolved: Mapping[tuple[str, int], Primitive],
        recalibration: Recalibrations,
    ) -> Stage:
        blocks = tuple(
            resolved[self.slot(block).name, self._input(block, width, in_channels)]
            for block in range(depth)
        )
        return Stage(
            width=width, stride=self.config.stride, blocks=blocks, recalibration=recalibration
        )

    def _resolve_recalibration(
        self, description: RecalibrationDescription, depth: int, width: int, in_channels: int
    ) -> Recalibrations:
        channels = width * self.expansion
        inputs = (in_channels, *(channels,) * (depth - 1))
        return recalibrations_of_stage(description, channels, inputs)

    def _input(self, block: int, width: int, in_channels: int) -> int:
        """Channels that the primitive of a block sees."""
        block_in = width * self.expansion if block else in_channels
        return primitive_in_channels(self.block, width, block_in)

    def _inputs(self, slot: Slot, depth: int, width: int, in_channels: int) -> tuple[int, ...]:
        """The different numbers of channels that a place's primitives see, in order."""
        blocks = (block for block in range(depth) if self.slot(block) is slot)
        return tuple(dict.fromkeys(self._input(b, width, in_channels) for b in blocks))


def write(vector: np.ndarray, fragment: Fragment) -> None:
    """Write the choices of a fragment into ``vector``."""
    for index, choice in fragment.items():
        vector[index] = choice


def _pick(vector: Sequence[int], parameter: int | None) -> int:
    return 0 if parameter is None else vector[parameter]
