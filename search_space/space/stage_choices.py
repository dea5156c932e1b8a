"""All that one stage of a search space can be: its parameters, and the stages they describe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np

from search_space.architecture import Stage
from search_space.primitives import Primitive
from search_space.primitives.channel_attention import ChannelAttentionDescription
from search_space.primitives.primitive import Description
from search_space.space.component_choices import Entries
from search_space.space.config import StageConfig
from search_space.space.stage_components import Gates, Primitives, StageComponents


@dataclass(frozen=True)
class StageChoices:
    """All that one stage can be: depths and widths, and the choices of its components.

    Methods take ``in_channels``, the stage's: what a component resolves to may depend on it.
    """

    config: StageConfig
    expansion: int  # a block's output channels / its width
    depth_parameter: int | None
    width_parameter: int | None
    components: StageComponents

    def depth(self, vector: Sequence[int]) -> int:
        """Return the number of blocks, by the choices in ``vector``."""
        return self.config.depth[_pick(vector, self.depth_parameter)]

    def width(self, vector: Sequence[int]) -> int:
        """Return the channels, by the choices in ``vector``."""
        return self.config.width[_pick(vector, self.width_parameter)]

    def stage(self, vector: Sequence[int], in_channels: int) -> Stage:
        """Return the stage that the choices in ``vector`` describe.

        Raises:
            ValueError: a primitive cannot be built at these widths.
        """
        depth, width = self.depth(vector), self.width(vector)
        primitives: dict[str, Primitives] = {}
        for component in self.components.primitives(depth):
            description = component.value(vector)
            assert isinstance(description, Description)
            inputs = self.components.inputs(component, depth, width, in_channels)
            primitives[component.name] = tuple(description.resolve(width, n) for n in inputs)
        described = self.components.channel_attention.value(vector)
        assert isinstance(described, ChannelAttentionDescription)
        gates = self.components.resolve_channel_attention(described, depth, width, in_channels)
        return self.assembled(depth, width, in_channels, primitives, gates)

    def encode(self, vector: np.ndarray, stage: Stage, in_channels: int, where: str) -> None:
        """Write a stage's choices into ``vector``.

        Raises:
            ValueError: the stage is not among the choices; the message begins with ``where``.
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
        for component in self.components.primitives(depth):
            by_input: dict[int, Primitive] = {}  # by the channels that a block's primitive sees
            for index, block in enumerate(stage.blocks):
                if self.components.primitive(index) is component:
                    channels = self.components.input_channels(index, width, in_channels)
                    if by_input.setdefault(channels, block) != block:
                        raise ValueError(f"{where}: its blocks must share one primitive")
            choices = self.components.choices(component, depth, width, in_channels).distinct
            primitives = tuple(by_input.values())
            if primitives not in choices:
                labels = " + ".join(primitive.label for primitive in primitives)
                raise ValueError(f"{where}: {labels} is not among the {len(choices)} choices")
            set_entries(vector, choices[primitives])
        gates = self.components.channel_attention_choices(depth, width, in_channels).distinct
        if stage.recalibration not in gates:
            raise ValueError(
                f"{where}: its channel attention is not among the {len(gates)} choices"
            )
        set_entries(vector, gates[stage.recalibration])

    def primitives_of(self, stage: Stage, in_channels: int) -> dict[str, Primitives]:
        """Return the primitives of each component, by its name, of a stage that can be chosen."""
        by_component: dict[str, dict[int, Primitive]] = {}  # each by the channels that it sees
        for index, block in enumerate(stage.blocks):
            channels = self.components.input_channels(index, stage.width, in_channels)
            name = self.components.primitive(index).name
            by_component.setdefault(name, {})[channels] = block
        return {name: tuple(by_input.values()) for name, by_input in by_component.items()}

    def stages(self, in_channels: int) -> Iterator[Stage]:
        """Yield every distinct stage."""
        for depth, width in self.sizes():
            size = (depth, width, in_channels)
            components = self.components.primitives(depth)
            choices = [self.components.choices(each, *size).distinct for each in components]
            gates = self.components.channel_attention_choices(*size).distinct
            for picked, each in product(product(*choices), gates):
                primitives = {
                    component.name: pick for component, pick in zip(components, picked, strict=True)
                }
                yield self.assembled(*size, primitives, each)

    def sizes(self) -> Iterator[tuple[int, int]]:
        """Yield every depth and width."""
        return product(self.config.depth, self.config.width)

    def count(self, width: int, in_channels: int) -> int:
        """Return how many distinct stages of ``width`` there are."""
        return sum(self.count_at(depth, width, in_channels) for depth in self.config.depth)

    def count_at(self, depth: int, width: int, in_channels: int) -> int:
        """Return how many distinct stages of ``depth`` and ``width`` there are."""
        size = (depth, width, in_channels)
        counts = (
            len(self.components.choices(component, *size).distinct)
            for component in self.components.primitives(depth)
        )
        return prod(counts, start=len(self.components.channel_attention_choices(*size).distinct))

    def numbered(self, number: int, depth: int, width: int, in_channels: int) -> Stage:
        """Return stage ``number``, from 0, of those that :meth:`count_at` counts."""
        size = (depth, width, in_channels)
        gates = list(self.components.channel_attention_choices(*size).distinct)
        number, gate = divmod(number, len(gates))
        primitives: dict[str, Primitives] = {}
        for component in reversed(self.components.primitives(depth)):
            choices = list(self.components.choices(component, *size).distinct)
            number, index = divmod(number, len(choices))
            primitives[component.name] = choices[index]
        return self.assembled(*size, primitives, gates[gate])

    def assembled(
        self,
        depth: int,
        width: int,
        in_channels: int,
        primitives: Mapping[str, Primitives],
        gates: Gates,
    ) -> Stage:
        """Return the stage of these ``primitives``, by the components' names, and ``gates``."""
        by_input = {
            component.name: dict(
                zip(
                    self.components.inputs(component, depth, width, in_channels),
                    primitives[component.name],
                    strict=True,
                )
            )
            for component in self.components.primitives(depth)
        }
        blocks = tuple(
            by_input[self.components.primitive(block).name][
                self.components.input_channels(block, width, in_channels)
            ]
            for block in range(depth)
        )
        return Stage(width=width, stride=self.config.stride, blocks=blocks, recalibration=gates)


def set_entries(vector: np.ndarray, entries: Entries) -> None:
    """Write entries into ``vector``."""
    for index, choice in entries.items():
        vector[index] = choice


def _pick(vector: Sequence[int], parameter: int | None) -> int:
    return 0 if parameter is None else vector[parameter]
