"""A search space laid out: its parameters in order, and the places that they fill."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

from search_space.alternatives import (
    Conditions,
    Parameter,
    ParameterList,
    Place,
    Slot,
    slot_from,
)
from search_space.primitives import Primitive, Stem
from search_space.primitives.primitive import Description
from search_space.primitives.registry import DESCRIPTIONS, class_named
from search_space.primitives.stems import STEMS
from search_space.reading import DescriptionError
from search_space.space_config import SpaceConfig, StageConfig

Fragment = Mapping[int, int]  # parameter -> choice


@dataclass(frozen=True)
class StagePlace:
    """A stage's parameters and its places: the primitive of all blocks, and of single ones."""

    config: StageConfig
    depth_parameter: int | None
    width_parameter: int | None
    shared: Slot
    overrides: Mapping[int, Slot]
    tables: dict[tuple[str, int], dict[Primitive, Fragment]]
    """By place and width: each distinct primitive, with the first choices that give it."""

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

    def fill(self, problems: list[str]) -> None:
        """Resolve every alternative at every width, noting those that cannot be."""
        for slot, width in product([self.shared, *self.overrides.values()], self.config.width):
            table: dict[Primitive, Fragment] = {}
            faults: dict[str, None] = {}  # an ordered set: choices may share one fault
            for description, fragment in slot.combinations():
                assert isinstance(description, Description)
                try:
                    table.setdefault(description.resolve(width), fragment)
                except ValueError as error:
                    faults[f"{slot.place} at width {width}: {error}"] = None
            problems += faults
            self.tables[slot.name, width] = table


class Layout(NamedTuple):
    """All that a search space's operations need."""

    parameters: tuple[Parameter, ...]
    stem: Slot
    stem_table: dict[Stem, Fragment]
    stages: tuple[StagePlace, ...]


def lay_out(config: SpaceConfig, source: str) -> Layout:
    """Read every place of ``config``, and build each primitive it can name once.

    Raises:
        DescriptionError: with all that is wrong, each with its place in ``source``.
    """
    problems: list[str] = []
    listed = ParameterList()
    if config.block == "basic" and config.expansion != 1:
        problems.append(f"expansion: a basic block's must be 1, got {config.expansion}")
    stem = slot_from(Place("stem", "stem", ()), config.stem, _stem_kind, listed, problems)
    stages = [
        _stage_place(number, stage, listed, problems)
        for number, stage in enumerate(config.stages, start=1)
    ]
    complete = [stage for stage in stages if stage is not None]
    for stage in complete:
        stage.fill(problems)
    if problems:
        raise DescriptionError(source, problems)
    assert stem is not None
    stem_table: dict[Stem, Fragment] = {}
    for value, fragment in stem.combinations():
        assert isinstance(value, Stem)
        stem_table.setdefault(value, fragment)
    return Layout(tuple(listed.parameters), stem, stem_table, tuple(complete))


def _stage_place(
    number: int, stage: StageConfig, listed: ParameterList, problems: list[str]
) -> StagePlace | None:
    name, place = f"stage{number}", f"stages[{number - 1}]"
    for field in ("depth", "width"):
        choices = getattr(stage, field)
        if len(set(choices)) < len(choices):
            problems.append(f"{place}.{field}: repeats a choice, got {list(choices)}")
    depth = listed.add(f"{name}.depth", stage.depth)
    width = listed.add(f"{name}.width", stage.width)

    def read(where: Place, alternatives: tuple[dict[str, Any], ...]) -> Slot | None:
        return slot_from(where, alternatives, _description_kind, listed, problems)

    overrides = {}
    for index, alternatives in stage.overrides.items():
        path = f"{place}.overrides.{index}"
        if not 0 <= index < max(stage.depth):
            problems.append(f"{path}: a stage of depth {max(stage.depth)} has no block {index}")
        exists = _where_depth(depth, stage, lambda d, i=index: d > i)  # type: ignore[misc]
        slot = read(Place(f"{name}.block{index}", path, exists), alternatives)
        if slot is not None:
            overrides[index] = slot
    exists = _where_depth(depth, stage, lambda d: _has_shared_block(stage, d))
    if not any(_has_shared_block(stage, d) for d in stage.depth):
        listed = ParameterList()  # every block is overridden: nothing to choose for all of them
    shared = read(Place(name, f"{place}.primitive", exists), stage.primitive)
    if shared is None:
        return None
    return StagePlace(stage, depth, width, shared, overrides, tables={})


def _has_shared_block(stage: StageConfig, depth: int) -> bool:
    return any(block not in stage.overrides for block in range(depth))


def _where_depth(
    parameter: int | None, stage: StageConfig, holds: Callable[[int], bool]
) -> Conditions:
    """The condition that a stage's depth is one for which ``holds``; none if it always is."""
    allowed = frozenset(i for i, depth in enumerate(stage.depth) if holds(depth))
    if parameter is None or len(allowed) == len(stage.depth):
        return ()
    return ((parameter, allowed),)


def _pick(vector: Sequence[int], parameter: int | None) -> int:
    return 0 if parameter is None else vector[parameter]


def _stem_kind(name: str) -> type[Stem]:
    return class_named(name, STEMS, Stem)  # type: ignore[type-abstract]


def _description_kind(name: str) -> type[Description]:
    return class_named(name, DESCRIPTIONS, Description)  # type: ignore[type-abstract]
