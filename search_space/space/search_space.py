"""SearchSpace: a finite set of architectures, described by parameters and their conditions."""

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
from search_space.space.parameters import INACTIVE, Choice, Parameter
from search_space.space.stage_choices import StageChoices, set_entries
from search_space.space.vectors import Vectors
from search_space.yaml_validation import read_yaml, validate

FIXED_FIELDS = ("family", "block", "expansion", "shortcut", "head")
"""The fields of an architecture that are the same all over a space."""


class SearchSpace:
    """A finite set of architectures over a family of networks.

    An architecture is described by a choice of each of the ``parameters``, some of which exist only
    under conditions (kappa only where the primitive is an augmented convolution). Several
    descriptions may build one architecture; ``size``, ``encode`` and ``neighbours`` speak of
    architectures.
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
        self._vectors = Vectors(config.name, self.parameters)

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
        """Read a space from plain data (what YAML gives); ``source`` names it in messages.

        ``imports`` is as for the constructor.

        Raises:
            ConfigError: any problem with it, all at once.
        """
        return cls(validate(SpaceConfig, data, source), source, imports=imports)

    @cached_property
    def size(self) -> int:
        """The exact number of distinct architectures."""
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
        """Return architecture ``number`` of :meth:`architectures`, without listing them.

        Raises:
            IndexError: not a number from 0 to ``size - 1``.
        """
        return self._architecture(self._numbering.parts(number))

    def walk(self, choose: Callable[[Parameter], int]) -> np.ndarray:
        """Return the vector made by asking ``choose`` for the choice of each active parameter."""
        return self._vectors.walk(choose)

    def decode(self, vector: Sequence[int] | np.ndarray) -> Architecture:
        """Return the architecture of a vector of choice indices; inactive entries do not matter.

        Raises:
            ValueError: the wrong length, or an active entry out of its range.
        """
        point = self._vectors.checked_vector(vector)
        stem = self.layout.stem.value(point)
        assert isinstance(stem, Stem)
        stages: list[Stage] = []
        channels = stem.width
        for choices in self.layout.stages:
            stages.append(choices.stage(point, channels))
            channels = stages[-1].width * choices.expansion
        behind = self.layout.detector
        detector = None if behind is None else behind.detector(point)
        return self._architecture(Parts(stem, tuple(stages), detector))

    def encode(self, architecture: Architecture) -> np.ndarray:
        """Return the vector of ``architecture``: choice indices, -1 where a parameter is inactive.

        Where several vectors decode to it, the first choices that do, always the same ones.

        Raises:
            ValueError: it is not in this space (the message says where it leaves it).
        """
        for name in FIXED_FIELDS:
            mine, its = getattr(self.config, name), getattr(architecture, name)
            if mine != its:
                raise ValueError(f"{self.name} holds {name}={mine}, got {its}")
        if len(architecture.stages) != len(self.layout.stages):
            raise ValueError(
                f"{self.name} has {len(self.layout.stages)} stages, got {len(architecture.stages)}"
            )
        vector = self._vectors.unset()
        stem, stems = architecture.stem, self.layout.stems.distinct
        if stem not in stems:
            raise ValueError(f"stem: {stem.label} is not among the {len(stems)} choices")
        set_entries(vector, stems[stem])
        channels = stem.width
        stages = zip(self.layout.stages, architecture.stages, strict=True)
        for number, (choices, stage) in enumerate(stages, start=1):
            choices.encode(vector, stage, channels, f"stage {number}")
            channels = stage.width * choices.expansion
        self._encode_detector(vector, architecture)
        return vector

    def _encode_detector(self, vector: np.ndarray, architecture: Architecture) -> None:
        choices, detector = self.layout.detector, architecture.detector
        if (choices is None) != (detector is None):
            kinds = (
                ("classifiers", "a detector") if choices is None else ("detectors", "a classifier")
            )
            raise ValueError(f"{self.name} holds {kinds[0]}, got {kinds[1]}")
        if choices is not None and detector is not None:
            choices.encode(vector, detector)

    def contains(self, architecture: Architecture) -> bool:
        """Say whether ``architecture`` is in this space."""
        try:
            self.encode(architecture)
        except ValueError:
            return False
        return True

    def changes(self, architecture: Architecture) -> dict[str, list[Architecture]]:
        """Return, by active parameter, the other architectures that changing it alone can give.

        Where several descriptions build ``architecture``, a parameter is active that is so in one
        of them, and each description is changed. Parameters that the change brings into being take
        each of their choices. An architecture that several parameters give is listed once.

        Raises:
            ValueError: ``architecture`` is not in this space.
        """
        self.encode(architecture)  # for its message about one that is not in the space
        seen = {architecture}
        changed: dict[str, list[Architecture]] = {}
        parts = Parts(architecture.stem, architecture.stages, architecture.detector)
        for index, reached in changed_parts(self.layout, parts).items():
            candidates = changed[self.parameters[index].name] = []
            for each in reached:
                candidate = self._architecture(each)
                if candidate not in seen:
                    seen.add(candidate)
                    candidates.append(candidate)
        return changed

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """List every other architecture one parameter away, each once, in a fixed order.

        The relation is symmetric: ``a`` is a neighbour of ``b`` exactly if ``b`` is one of ``a``.
        """
        return [near for options in self.changes(architecture).values() for near in options]

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """Draw an active parameter uniformly, then one of the architectures that changing it gives.

        Raises:
            ValueError: the space has no other architecture one parameter away.
        """
        changes = [options for options in self.changes(architecture).values() if options]
        if not changes:
            raise ValueError(f"{self.name}: no architecture is one parameter away")
        options = changes[rng.integers(len(changes))]
        return options[rng.integers(len(options))]

    def architectures(self) -> Iterator[Architecture]:
        """Yield every distinct architecture; for spaces small enough to walk through."""
        choices = self.layout.detector
        for stem in self.layout.stems.distinct:
            for stages in _stage_lists(self.layout.stages, stem.width):
                for detector in choices.detectors() if choices else [None]:
                    yield self._architecture(Parts(stem, tuple(stages), detector))

    def params_of(self, architecture: Architecture) -> dict[str, Choice]:
        """Return the choice of each active parameter by name."""
        vector = self.encode(architecture)
        return {
            parameter.name: parameter.choices[choice]
            for parameter, choice in zip(self.parameters, vector, strict=True)
            if choice != INACTIVE
        }

    def from_params(self, params: Mapping[str, Choice]) -> Architecture:
        """Return the architecture of these choices: the inverse of :meth:`params_of`.

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

    def _architecture(self, parts: Parts) -> Architecture:
        fixed = {name: getattr(self.config, name) for name in FIXED_FIELDS}
        return Architecture(**fixed, **parts._asdict())

    def checked(self, vectors: np.ndarray) -> np.ndarray:
        """Return vectors ``[N, P]`` with -1 wherever a parameter is inactive.

        Raises:
            ValueError: not P columns, or an active entry out of its range.
        """
        return self._vectors.checked(vectors)


def _stage_lists(following: Sequence[StageChoices], in_channels: int) -> Iterator[list[Stage]]:
    """Yield every distinct sequence of stages from ``in_channels`` on."""
    if not following:
        yield []
        return
    for stage in following[0].stages(in_channels):
        for later in _stage_lists(following[1:], stage.width * following[0].expansion):
            yield [stage, *later]
