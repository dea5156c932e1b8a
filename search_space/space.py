"""SearchSpace: a finite set of architectures, described by choices and their conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from search_space.alternatives import Choice, Parameter
from search_space.architecture import Architecture, Stage
from search_space.primitives import Primitive, Stem
from search_space.primitives.primitive import Description
from search_space.reading import read_yaml, validate
from search_space.space_config import SpaceConfig
from search_space.space_layout import Fragment, StagePlace, lay_out

INACTIVE = -1


class SearchSpace:
    """A finite set of architectures over a family of networks.

    An architecture is a point of ``parameters``, categorical choices of which some exist only
    under conditions (kappa only where the primitive is an augmented convolution). Several points
    may describe one architecture; ``size``, ``encode`` and ``neighbours`` speak of architectures.
    """

    def __init__(self, config: SpaceConfig, source: str = "search space") -> None:
        """Lay the space out, and build every primitive it can name once, to see that it can.

        Args:
            config: the description.
            source: the file's name, for messages.

        Raises:
            DescriptionError: with all that is wrong, each with its place (a type or field that
                does not exist, heads that cannot divide a width, ...).
        """
        self.config = config
        self.name = config.name
        self._layout = lay_out(config, source)
        self.parameters: tuple[Parameter, ...] = self._layout.parameters

    @classmethod
    def from_yaml(cls, path: Path | str) -> SearchSpace:
        """Read a space's file.

        Raises:
            DescriptionError: no such file, or any problem with it, all at once.
        """
        return cls.from_mapping(read_yaml(Path(path)), str(path))

    @classmethod
    def from_mapping(cls, data: Any, source: str = "search space") -> SearchSpace:
        """A space from plain data (what YAML gives); ``source`` names it in messages.

        Raises:
            DescriptionError: any problem with it, all at once.
        """
        return cls(validate(SpaceConfig, data, source), source)

    @cached_property
    def size(self) -> int:
        """How many distinct architectures there are, exactly."""
        size = len(self._layout.stem_table)
        for stage in self._layout.stages:
            size *= sum(
                prod(len(stage.tables[slot.name, width]) for slot in stage.slots(depth))
                for depth, width in product(stage.config.depth, stage.config.width)
            )
        return size

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw every active parameter uniformly among its choices, in order.

        So each type of primitive is as likely as another, however many variants it has.
        """
        return self.decode(self.walk(lambda parameter: int(rng.integers(len(parameter.choices)))))

    def walk(self, choose: Callable[[Parameter], int]) -> np.ndarray:
        """The vector made by asking ``choose`` for a choice's index of each active parameter."""
        vector = np.full(len(self.parameters), INACTIVE, dtype=np.int64)
        for index, parameter in enumerate(self.parameters):
            if self._is_active(parameter, vector):
                vector[index] = choose(parameter)
        return vector

    def decode(self, vector: Sequence[int] | np.ndarray) -> Architecture:
        """The architecture at a vector of choice indices; inactive entries do not matter.

        Raises:
            ValueError: the wrong length, or an active entry out of its range.
        """
        point = self._checked(vector)
        stages = []
        for place in self._layout.stages:
            depth, width = place.depth(point), place.width(point)
            primitives: dict[str, Primitive] = {}
            for slot in place.slots(depth):
                description = slot.value(point)
                assert isinstance(description, Description)
                primitives[slot.name] = description.resolve(width)
            stages.append(_stage(place, depth, width, primitives))
        stem = self._layout.stem.value(point)
        assert isinstance(stem, Stem)
        return self._architecture(stem, stages)

    def encode(self, architecture: Architecture) -> np.ndarray:
        """The vector of ``architecture``: choice indices, -1 where a parameter is inactive.

        Of the vectors that decode to it, always the same one.

        Raises:
            ValueError: it is not in this space (the message says where it leaves it).
        """
        fixed = ("family", "block", "expansion")
        for name in fixed:
            mine, its = getattr(self.config, name), getattr(architecture, name)
            if mine != its:
                raise ValueError(f"{self.name} holds {name}={mine}, got {its}")
        stages = self._layout.stages
        if len(architecture.stages) != len(stages):
            raise ValueError(
                f"{self.name} has {len(stages)} stages, got {len(architecture.stages)}"
            )
        vector = np.full(len(self.parameters), INACTIVE, dtype=np.int64)
        _write(vector, _found(self._layout.stem_table, architecture.stem, "stem"))
        for number, (place, stage) in enumerate(
            zip(stages, architecture.stages, strict=True), start=1
        ):
            _encode_stage(vector, place, stage, f"stage {number}")
        return vector

    def contains(self, architecture: Architecture) -> bool:
        """Whether ``architecture`` is in this space."""
        try:
            self.encode(architecture)
        except ValueError:
            return False
        return True

    def changes(self, architecture: Architecture) -> dict[str, list[Architecture]]:
        """For each active parameter, the other architectures that changing it alone can give.

        Parameters that the change brings into being take each of their choices.
        """
        vector = self.encode(architecture)
        seen = {architecture}
        changed: dict[str, list[Architecture]] = {}
        for index, parameter in enumerate(self.parameters):
            if vector[index] == INACTIVE:
                continue
            found = []
            for choice in range(len(parameter.choices)):
                for candidate in self._completions(vector, index, choice):
                    if candidate not in seen:
                        seen.add(candidate)
                        found.append(candidate)
            changed[parameter.name] = found
        return changed

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """Every other architecture one parameter away, each once, in a fixed order."""
        return [near for found in self.changes(architecture).values() for near in found]

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """A different architecture: one active parameter, drawn uniformly, is changed.

        Raises:
            ValueError: the space has no other architecture one parameter away.
        """
        found = [options for options in self.changes(architecture).values() if options]
        if not found:
            raise ValueError(f"{self.name}: no architecture is one parameter away")
        options = found[rng.integers(len(found))]
        return options[rng.integers(len(options))]

    def architectures(self) -> Iterator[Architecture]:
        """Every distinct architecture; for spaces small enough to walk through."""
        layout = self._layout
        for stem in layout.stem_table:
            for stages in product(*map(_stage_values, layout.stages)):
                yield self._architecture(stem, stages)

    def params_of(self, architecture: Architecture) -> dict[str, Choice]:
        """The active parameters' values by name."""
        vector = self.encode(architecture)
        return {
            parameter.name: parameter.choices[choice]
            for parameter, choice in zip(self.parameters, vector, strict=True)
            if choice != INACTIVE
        }

    def from_params(self, params: Mapping[str, Choice]) -> Architecture:
        """The inverse of :meth:`params_of`.

        Raises:
            ValueError: an active parameter is missing, or has a value that it cannot take.
        """

        def choose(parameter: Parameter) -> int:
            if parameter.name not in params:
                raise ValueError(f"{self.name}: parameter {parameter.name} is missing")
            value = params[parameter.name]
            if value not in parameter.choices:
                raise ValueError(
                    f"{self.name}: parameter {parameter.name} must be one of "
                    f"{list(parameter.choices)}, got {value!r}"
                )
            return parameter.choices.index(value)

        return self.decode(self.walk(choose))

    def _architecture(self, stem: Stem, stages: Sequence[Stage]) -> Architecture:
        return Architecture(
            family=self.config.family,
            block=self.config.block,
            expansion=self.config.expansion,
            stem=stem,
            stages=tuple(stages),
        )

    def _completions(self, vector: np.ndarray, index: int, choice: int) -> Iterator[Architecture]:
        """What the space holds with one parameter changed and all others kept where they exist."""
        partial = [vector.copy()]
        partial[0][index] = choice
        for later in range(index + 1, len(self.parameters)):
            parameter = self.parameters[later]
            grown = []
            for point in partial:
                if not self._is_active(parameter, point):
                    point[later] = INACTIVE
                    grown.append(point)
                elif point[later] != INACTIVE:
                    grown.append(point)
                else:
                    for new in range(len(parameter.choices)):
                        grown.append(point.copy())
                        grown[-1][later] = new
            partial = grown
        return (self.decode(point) for point in partial)

    def _checked(self, vector: Sequence[int] | np.ndarray) -> list[int]:
        point = [int(choice) for choice in vector]
        if len(point) != len(self.parameters):
            raise ValueError(f"{self.name} has {len(self.parameters)} parameters, got {len(point)}")
        for index, parameter in enumerate(self.parameters):
            if not self._is_active(parameter, point):
                point[index] = INACTIVE
            elif not 0 <= point[index] < len(parameter.choices):
                raise ValueError(
                    f"{parameter.name} must be an index below {len(parameter.choices)}, "
                    f"got {point[index]}"
                )
        return point

    @staticmethod
    def _is_active(parameter: Parameter, vector: Sequence[int] | np.ndarray) -> bool:
        return all(vector[index] in allowed for index, allowed in parameter.conditions)


def _stage(place: StagePlace, depth: int, width: int, primitives: Mapping[str, Primitive]) -> Stage:
    """A stage from the primitive at each of its places, by the place's name."""
    blocks = tuple(primitives[place.slot(block).name] for block in range(depth))
    return Stage(width=width, stride=place.config.stride, blocks=blocks)


def _stage_values(place: StagePlace) -> Iterator[Stage]:
    """Every distinct stage."""
    for depth, width in product(place.config.depth, place.config.width):
        names = [slot.name for slot in place.slots(depth)]
        for primitives in product(*(place.tables[name, width] for name in names)):
            yield _stage(place, depth, width, dict(zip(names, primitives, strict=True)))


def _encode_stage(vector: np.ndarray, place: StagePlace, stage: Stage, where: str) -> None:
    """Write a stage's choices into ``vector``."""
    depth, config = len(stage.blocks), place.config
    if depth not in config.depth or stage.width not in config.width:
        raise ValueError(
            f"{where}: depth must be in {list(config.depth)} and width in "
            f"{list(config.width)}, got depth={depth}, width={stage.width}"
        )
    if stage.stride != config.stride:
        raise ValueError(f"{where}: stride must be {config.stride}, got {stage.stride}")
    if place.depth_parameter is not None:
        vector[place.depth_parameter] = config.depth.index(depth)
    if place.width_parameter is not None:
        vector[place.width_parameter] = config.width.index(stage.width)
    found: dict[str, Primitive] = {}
    for index, block in enumerate(stage.blocks):
        slot = place.slot(index)
        if found.setdefault(slot.name, block) != block:
            raise ValueError(f"{where}: its blocks must share one primitive")
        _write(vector, _found(place.tables[slot.name, stage.width], block, where))


def _found(table: Mapping[Any, Fragment], value: Any, where: str) -> Fragment:
    if value not in table:
        raise ValueError(f"{where}: {value.label} is not among the {len(table)} alternatives")
    return table[value]


def _write(vector: np.ndarray, fragment: Fragment) -> None:
    for index, choice in fragment.items():
        vector[index] = choice
