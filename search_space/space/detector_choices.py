"""All that the detectors of a search space can be behind their backbones.

What follows a backbone does not depend on its stages: a detector of the space is any backbone with
any of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

import numpy as np
from pydantic import ValidationError

from search_space.detector import Detector
from search_space.primitives import Convolution, LocalAttention, Primitive, Stem
from search_space.space.component_choices import Component, ComponentChoices, read_component
from search_space.space.config import FIXED_DETECTOR_FIELDS, DetectorConfig
from search_space.space.parameters import ParameterList
from search_space.space.resolved_choices import ResolvedChoices
from search_space.space.restriction import Restriction
from search_space.space.stage_choices import set_entries
from search_space.validation_problems import explain
from search_space.values import Value

OPERATORS: dict[str, type[Primitive]] = {"conv": Convolution, "local_attention": LocalAttention}
"""The operators that a pyramid and heads can have."""


@dataclass(frozen=True)
class DetectorChoices:
    """Widths, layers of the heads, and the operators of pyramid and heads."""

    config: DetectorConfig
    width_parameter: int | None
    layers_parameter: int | None
    pyramid: ComponentChoices
    heads: ComponentChoices

    def detector(self, vector: Sequence[int]) -> Detector:
        """Return the detector that the choices in ``vector`` describe."""
        width = self.config.width[_pick(vector, self.width_parameter)]
        layers = self.config.layers[_pick(vector, self.layers_parameter)]
        pyramid, heads = (
            _resolved(component.value(vector), width) for component in (self.pyramid, self.heads)
        )
        return self._assembled(width, layers, pyramid, heads)

    def encode(self, vector: np.ndarray, detector: Detector) -> None:
        """Write a detector's choices into ``vector``.

        Raises:
            ValueError: it is not among the choices.
        """
        for name in FIXED_DETECTOR_FIELDS:
            mine, its = getattr(self.config, name), getattr(detector, name)
            if mine != its:
                raise ValueError(f"detector: {name} must be {mine}, got {its}")
        for name, parameter in (
            ("width", self.width_parameter),
            ("layers", self.layers_parameter),
        ):
            choices, its = getattr(self.config, name), getattr(detector, name)
            if its not in choices:
                raise ValueError(f"detector: {name} must be in {list(choices)}, got {its}")
            if parameter is not None:
                vector[parameter] = choices.index(its)
        for name in ("pyramid", "heads"):
            distinct = self._operators(name, detector.width).distinct
            primitive = getattr(detector, name)
            if primitive not in distinct:
                raise ValueError(
                    f"detector: {name} {primitive.label} is not among the {len(distinct)} choices"
                )
            set_entries(vector, distinct[primitive])

    def changes(self, detector: Detector) -> dict[int, list[Detector]]:
        """Return, by parameter, the other detectors that changing it alone can give."""
        width, changes = detector.width, {}
        if self.width_parameter is not None:
            changes[self.width_parameter] = [
                self._assembled(new, detector.layers, pyramid, heads)
                for new in self.config.width
                if new != width
                for pyramid, heads in product(*self._rebuilt(detector, new))
            ]
        if self.layers_parameter is not None:
            changes[self.layers_parameter] = [
                detector.replace(layers=new) for new in self.config.layers if new != detector.layers
            ]
        for name in ("pyramid", "heads"):
            others = self._operators(name, width).changes(getattr(detector, name))
            for parameter, primitives in others.items():
                changes[parameter] = [detector.replace(**{name: each}) for each in primitives]
        return changes

    @cached_property
    def size(self) -> int:
        """The number of distinct detectors."""
        return sum(map(self._count, self.config.width))

    def numbered(self, number: int) -> Detector:
        """Return detector ``number``, from 0, of :meth:`detectors`, without listing them."""
        for width in self.config.width:
            if number < self._count(width):
                break
            number -= self._count(width)
        pyramids, heads = (list(self._operators(n, width).distinct) for n in ("pyramid", "heads"))
        number, head = divmod(number, len(heads))
        layers, pyramid = divmod(number, len(pyramids))
        return self._assembled(width, self.config.layers[layers], pyramids[pyramid], heads[head])

    def detectors(self) -> Iterator[Detector]:
        """Yield every distinct detector, in a fixed order."""
        for width, layers in product(self.config.width, self.config.layers):
            operators = (self._operators(name, width).distinct for name in ("pyramid", "heads"))
            for pyramid, heads in product(*operators):
                yield self._assembled(width, layers, pyramid, heads)

    def covering(self) -> Iterator[Detector]:
        """Yield detectors in which every pyramid stands, and every form of the heads."""
        for width in self.config.width:
            pyramids, heads = (self._operators(n, width).distinct for n in ("pyramid", "heads"))
            first, first_heads = next(iter(pyramids)), next(iter(heads))
            for pyramid in pyramids:
                yield self._assembled(width, self.config.layers[0], pyramid, first_heads)
            for layers, head in product(self.config.layers, heads):
                yield self._assembled(width, layers, first, head)

    def problems(self) -> list[str]:
        """Say which operators cannot be built at the widths, and what else is wrong."""
        problems: dict[str, None] = {}
        for component, width in product((self.pyramid, self.heads), self.config.width):
            for described, _ in component.combinations():
                try:
                    _resolved(described, width)
                except ValueError as error:
                    problems[f"{component.path} at width {width}: {error}"] = None
        if not problems:
            try:
                next(self.detectors())
            except ValidationError as error:
                problems |= dict.fromkeys(explain(error, Detector, "detector"))
        return list(problems)

    def backbone_problems(self, stems: Sequence[Stem], strides: Sequence[int]) -> list[str]:
        """Say why backbones of these stems and stages' strides cannot stand in detectors."""
        problems: dict[str, None] = {}
        if self.problems():
            return []
        detector = next(self.detectors())
        for stem in stems:
            try:
                detector.merged_stages(stem, strides)
            except ValueError as error:
                problems[f"detector: behind {stem.label}, {error}"] = None
        return list(problems)

    def _rebuilt(self, detector: Detector, width: int) -> tuple[list[Primitive], list[Primitive]]:
        """Return what the descriptions of each operator build at another width."""
        pyramid, heads = (
            self._operators(name, detector.width).rebuilt(
                getattr(detector, name), self._operators(name, width)
            )
            for name in ("pyramid", "heads")
        )
        return pyramid, heads

    def _operators(self, name: str, width: int) -> ResolvedChoices[Primitive]:
        """Return all that an operator can be at a width; each is kept."""
        return self._resolved_choices[name, width]

    @cached_property
    def _resolved_choices(self) -> dict[tuple[str, int], ResolvedChoices[Primitive]]:
        resolved = {}
        for name, width in product(("pyramid", "heads"), self.config.width):
            component: ComponentChoices = getattr(self, name)
            described, entries = zip(*component.combinations(), strict=True)
            built = [_resolved(each, width) for each in described]
            resolved[name, width] = ResolvedChoices(entries, built, component.type_parameter)
        return resolved

    def _count(self, width: int) -> int:
        """Return how many distinct detectors of ``width`` there are."""
        operators = (len(self._operators(name, width).distinct) for name in ("pyramid", "heads"))
        return prod(operators, start=len(self.config.layers))

    def _assembled(self, width: int, layers: int, pyramid: Primitive, heads: Primitive) -> Detector:
        fixed = {name: getattr(self.config, name) for name in FIXED_DETECTOR_FIELDS}
        return Detector(width=width, layers=layers, pyramid=pyramid, heads=heads, **fixed)


def read_detector(
    config: DetectorConfig, listed: ParameterList, problems: list[str], restriction: Restriction
) -> DetectorChoices | None:
    """Read the choices, and add their parameters; None if anything is wrong with an operator.

    Args:
        config: the description.
        listed: the space's parameters, added to.
        problems: added to, one line a problem.
        restriction: leaves out operators.
    """
    for field in ("width", "layers"):
        choices = getattr(config, field)
        if len(set(choices)) < len(choices):
            problems.append(f"detector.{field}: repeats a choice, got {list(choices)}")
    width = listed.add("detector.width", config.width)
    layers = listed.add("detector.layers", config.layers)
    pyramid, heads = (
        read_component(
            Component(f"detector.{name}", f"detector.{name}", ()),
            getattr(config, name),
            _operator_kind(name),
            listed,
            problems,
            restriction,
        )
        for name in ("pyramid", "heads")
    )
    if pyramid is None or heads is None:
        return None
    return DetectorChoices(config, width, layers, pyramid, heads)


def _operator_kind(place: str) -> Callable[[str], type[Primitive]]:
    def kind_of(name: str) -> type[Primitive]:
        if name not in OPERATORS:
            raise ValueError(f"{place} must be {' or '.join(OPERATORS)}, got {name}")
        return OPERATORS[name]

    return kind_of


def _resolved(described: Value, width: int) -> Primitive:
    assert isinstance(described, Primitive)
    return described.resolve(width, width)


def _pick(vector: Sequence[int], parameter: int | None) -> int:
    return 0 if parameter is None else vector[parameter]
