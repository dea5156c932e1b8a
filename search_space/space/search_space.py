"""SearchSpace: a finite set of architectures, described by choices and their conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from search_space.architecture import Architecture, Stage
from search_space.own_modules import make_importable
from search_space.primitives import Stem
from search_space.space.config import SpaceConfig
from search_space.space.layout import Parts, lay_out
from search_space.space.moves import changed_parts
from search_space.space.numbering import Numbering, uniform_below
from search_space.space.parameters import INACTIVE, Choice, Parameter, condition_tables
from search_space.space.stage_choices import StagePlace, write
from search_space.yaml_validation import read_yaml, validate

FIXED_FIELDS = ("family", "block", "expansion", "shortcut", "head")
"""Of an architecture: the same all over a space."""


class SearchSpace:
    """A finite set of architectures over a family of networks.

    An architecture is a point of ``parameters``, categorical choices of which some exist only
    under conditions (kappa only where the primitive is an augmented convolution). Several points
    may describe one architecture; ``size``, ``encode`` and ``neighbours`` speak of architectures.
    """

    is_irregular = False  # every combination of active choices is an architecture
    sampled_over = "choices of each parameter"

    def __init__(
        self, config: SpaceConfig, source: str = "search space", *, imports: bool = False
    ) -> None:
        """Lay the space out, and build every primitive it can name once, to see that it can.

        Args:
            config: the description.
            source: the file's name, for messages.
            imports: whether types ``module:Class`` may import their modules, which runs the code
                of those: see :func:`search_space.primitives.registry.class_named`.

        Raises:
            ConfigError: with all that is wrong, each with its place (a type or field that
                does not exist, heads that cannot divide a width, ...).
        """
        self.config = config
        self.name = config.name
        self.layout = lay_out(config, source, imports=imports)
        self.parameters: tuple[Parameter, ...] = self.layout.parameters

    @classmethod
    def from_yaml(cls, path: Path | str, *, imports: bool = False) -> SearchSpace:
        """Read a space's file; ``imports`` as for the constructor, also from beside the file.

        Raises:
            ConfigError: no such file, or any problem with it, all at once.
        """
        if imports:
            make_importable(Path(path).parent)
        return cls.from_mapping(read_yaml(Path(path)), str(path), imports=imports)

    @classmethod
    def from_mapping(
        cls, data: Any, source: str = "search space", *, imports: bool = False
    ) -> SearchSpace:
        """A space from plain data (what YAML gives); ``source`` names it in messages.

        ``imports`` is as for the constructor.

        Raises:
            ConfigError: any problem with it, all at once.
        """
        return cls(validate(SpaceConfig, data, source), source, imports=imports)

    @cached_property
    def size(self) -> int:
        """How many distinct architectures there are, exactly."""
        return self._numbering.size

    @cached_property
    def _numbering(self) -> Numbering:
        return Numbering(self.layout)

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw an architecture uniformly over choices.

        Every active parameter is drawn uniformly among its choices, in order, so each type of
        primitive is as likely as another, however many variants it has. Architectures are not
        equally likely: see :meth:`sample_architectures`.
        """
        return self.decode(self.walk(lambda parameter: int(rng.integers(len(parameter.choices)))))

    def sample_architectures(self, rng: np.random.Generator) -> Architecture:
        """Draw an architecture uniformly over architectures: each is exactly as likely as another.

        A type with many variants, or a large depth with many combinations, is drawn as often as it
        has architectures.
        """
        return self.numbered(uniform_below(self.size, rng))

    def numbered(self, number: int) -> Architecture:
        """Architecture ``number``, in the order of :meth:`architectures`, without listing them.

        Raises:
            IndexError: not a number from 0 to ``size - 1``.
        """
        return self._architecture(*self._numbering.parts(number))

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
        stem = self.layout.stem.value(point)
        assert isinstance(stem, Stem)
        stages: list[Stage] = []
        channels = stem.width
        for place in self.layout.stages:
            stages.append(place.stage(point, channels))
            channels = stages[-1].width * place.expansion
        return self._architecture(stem, stages)

    def encode(self, architecture: Architecture) -> np.ndarray:
        """The vector of ``architecture``: choice indices, -1 where a parameter is inactive.

        Of the vectors that decode to it, always the same one.

        Raises:
            ValueError: it is not in this space (the message says where it leaves it).
        """
        for name in FIXED_FIELDS:
            mine, its = getattr(self.config, name), getattr(architecture, name)
            if mine != its:
                raise ValueError(f"{self.name} holds {name}={mine}, got {its}")
        places = self.layout.stages
        if len(architecture.stages) != len(places):
            raise ValueError(
                f"{self.name} has {len(places)} stages, got {len(architecture.stages)}"
            )
        vector = np.full(len(self.parameters), INACTIVE, dtype=np.int64)
        stem, table = architecture.stem, self.layout.stems.first
        if stem not in table:
            raise ValueError(f"stem: {stem.label} is not among the {len(table)} alternatives")
        write(vector, table[stem])
        channels = stem.width
        for number, (place, stage) in enumerate(
            zip(places, architecture.stages, strict=True), start=1
        ):
            place.write(vector, stage, channels, f"stage {number}")
            channels = stage.width * place.expansion
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

        Where several descriptions build ``architecture``, a parameter is active that is so in one
        of them, and each description is changed. Parameters that the change brings into being take
        each of their choices. An architecture that several parameters give is listed once.

        Raises:
            ValueError: ``architecture`` is not in this space.
        """
        self.encode(architecture)  # for its message about one that is not in the space
        seen = {architecture}
        changed: dict[str, list[Architecture]] = {}
        parts = Parts(architecture.stem, architecture.stages)
        for index, reached in changed_parts(self.layout, parts).items():
            found = changed[self.parameters[index].name] = []
            for stem, stages in reached:
                candidate = self._architecture(stem, stages)
                if candidate not in seen:
                    seen.add(candidate)
                    found.append(candidate)
        return changed

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """Every other architecture one parameter away, each once, in a fixed order.

        The relation is symmetric: ``a`` is a neighbour of ``b`` exactly if ``b`` is one of ``a``.
        """
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
        for stem in self.layout.stems.first:
            for stages in _stage_lists(self.layout.stages, stem.width):
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
        fixed = {name: getattr(self.config, name) for name in FIXED_FIELDS}
        return Architecture(**fixed, stem=stem, stages=tuple(stages))

    def checked(self, vectors: np.ndarray) -> np.ndarray:
        """Many vectors ``[N, P]`` at once, with -1 wherever a parameter is inactive.

        Raises:
            ValueError: not P columns, or an active entry out of its range.
        """
        vectors = np.array(vectors, dtype=np.int64)
        if vectors.ndim != 2 or vectors.shape[1] != len(self.parameters):
            raise ValueError(
                f"{self.name} has {len(self.parameters)} parameters, got an array of shape "
                f"{vectors.shape}"
            )
        for index, parameter in enumerate(self.parameters):
            column = vectors[:, index]
            active = np.ones(len(vectors), dtype=bool)
            for earlier, holds in self._conditions[index]:
                active &= holds[vectors[:, earlier]]
            wrong = active & ((column < 0) | (column >= len(parameter.choices)))
            if wrong.any():
                raise _out_of_range(parameter, int(column[wrong][0]))
            column[~active] = INACTIVE
        return vectors

    @cached_property
    def _conditions(self) -> list[list[tuple[int, np.ndarray]]]:
        return condition_tables(self.parameters)

    def _checked(self, vector: Sequence[int] | np.ndarray) -> list[int]:
        """The same of one vector, faster for one."""
        point = [int(choice) for choice in vector]
        if len(point) != len(self.parameters):
            raise ValueError(f"{self.name} has {len(self.parameters)} parameters, got {len(point)}")
        for index, parameter in enumerate(self.parameters):
            if not self._is_active(parameter, point):
                point[index] = INACTIVE
            elif not 0 <= point[index] < len(parameter.choices):
                raise _out_of_range(parameter, point[index])
        return point

    @staticmethod
    def _is_active(parameter: Parameter, vector: Sequence[int] | np.ndarray) -> bool:
        return all(vector[index] in allowed for index, allowed in parameter.conditions)


def _out_of_range(parameter: Parameter, got: int) -> ValueError:
    return ValueError(
        f"{parameter.name} must be an index below {len(parameter.choices)}, got {got}"
    )


def _stage_lists(places: Sequence[StagePlace], in_channels: int) -> Iterator[list[Stage]]:
    """Every distinct sequence of stages from ``in_channels`` on."""
    if not places:
        yield []
        return
    for stage in places[0].stages(in_channels):
        for later in _stage_lists(places[1:], stage.width * places[0].expansion):
            yield [stage, *later]
