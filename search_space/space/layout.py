"""A search space laid out: its parameters in order, and the places that they fill."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from search_space.architecture import Stage
from search_space.families import FamilyName, family_problem
from search_space.primitives import Stem
from search_space.primitives.channel_attention import (
    CHANNEL_ATTENTION_DESCRIPTIONS,
    ChannelAttentionDescription,
)
from search_space.primitives.primitive import Description
from search_space.primitives.registry import DESCRIPTIONS, class_named
from search_space.primitives.stems import STEMS
from search_space.space.combinations import size_problems
from search_space.space.config import SpaceConfig, StageConfig
from search_space.space.parameters import (
    Conditions,
    Parameter,
    ParameterList,
    Place,
    Slot,
    slot_from,
)
from search_space.space.slot_table import Fragment, SlotTable
from search_space.space.stage_choices import StagePlace
from search_space.yaml_validation import ConfigError


class Layout(NamedTuple):
    """All that a search space's operations need."""

    parameters: tuple[Parameter, ...]
    stem: Slot
    stems: SlotTable[Stem]
    stages: tuple[StagePlace, ...]


class Parts(NamedTuple):
    """What varies between the architectures of a space."""

    stem: Stem
    stages: tuple[Stage, ...]


def lay_out(config: SpaceConfig, source: str, *, imports: bool = False) -> Layout:
    """Read every place of ``config``, and resolve each primitive it can name once.

    Args:
        config: the description.
        source: the file's name, for messages.
        imports: whether types ``module:Class`` may import their modules.

    Raises:
        ConfigError: with all that is wrong, each with its place in ``source``.
    """
    problems = size_problems(config)
    if problems:
        raise ConfigError(source, problems)
    listed = ParameterList()
    problem = family_problem(config.family, config.block, config.expansion, config.shortcut)
    if problem:
        problems.append(problem)
    stem_kind = partial(_stem_kind, imports=imports)
    stem = slot_from(Place("stem", "stem", ()), config.stem, stem_kind, listed, problems)
    stages = [
        _stage_place(number, stage, config, listed, problems, imports=imports)
        for number, stage in enumerate(config.stages, start=1)
    ]
    stem_values: list[Stem] = []
    fragments: list[Fragment] = []
    for value, fragment in stem.combinations() if stem else ():
        assert isinstance(value, Stem)
        stem_values.append(value)
        fragments.append(fragment)
    inputs = sorted({value.width for value in stem_values})
    for place, stage in zip(stages, config.stages, strict=True):
        if place is not None:
            problems += place.faults(inputs)
        inputs = [width * config.expansion for width in stage.width]
    if problems:
        raise ConfigError(source, problems)
    assert stem is not None
    complete = tuple(place for place in stages if place is not None)
    stems = SlotTable(fragments, stem_values, stem.type_parameter)
    return Layout(tuple(listed.parameters), stem, stems, complete)


def _stage_place(
    number: int,
    stage: StageConfig,
    config: SpaceConfig,
    listed: ParameterList,
    problems: list[str],
    *,
    imports: bool,
) -> StagePlace | None:
    name, place = f"stage{number}", f"stages[{number - 1}]"
    for field in ("depth", "width"):
        choices = getattr(stage, field)
        if len(set(choices)) < len(choices):
            problems.append(f"{place}.{field}: repeats a choice, got {list(choices)}")
    depth = listed.add(f"{name}.depth", stage.depth)
    width = listed.add(f"{name}.width", stage.width)

    def read(where: Place, alternatives: tuple[dict[str, Any], ...]) -> Slot | None:
        kind = partial(_description_kind, family=config.family, imports=imports)
        return slot_from(where, alternatives, kind, listed, problems)

    overrides = {}
    for index, alternatives in stage.overrides.items():
        path = f"{place}.overrides.{index}"
        if not 0 <= index < max(stage.depth):
            problems.append(f"{path}: a stage of depth {max(stage.depth)} has no block {index}")
        exists = _where_depth(depth, stage, lambda d, i=index: d > i)  # type: ignore[misc]
        slot = read(Place(f"{name}.block{index}", path, exists), alternatives)
        if slot is not None:
            overrides[index] = slot
    recalibration = slot_from(
        Place(f"{name}.recalibration", f"{place}.recalibration", ()),
        stage.recalibration,
        partial(_channel_attention_kind, imports=imports),
        listed,
        problems,
    )
    exists = _where_depth(depth, stage, lambda d: _has_shared_block(stage, d))
    if not any(_has_shared_block(stage, d) for d in stage.depth):
        listed = ParameterList()  # every block is overridden: nothing to choose for all of them
    shared = read(Place(name, f"{place}.primitive", exists), stage.primitive)
    if shared is None or recalibration is None:
        return None
    return StagePlace(
        stage, config.block, config.expansion, depth, width, shared, overrides, recalibration
    )


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


def _stem_kind(name: str, *, imports: bool) -> type[Stem]:
    return class_named(name, STEMS, Stem, imports=imports)  # type: ignore[type-abstract]


def _channel_attention_kind(name: str, *, imports: bool) -> type[ChannelAttentionDescription]:
    known, kind = CHANNEL_ATTENTION_DESCRIPTIONS, ChannelAttentionDescription
    return class_named(name, known, kind, imports=imports)  # type: ignore[type-abstract]


def _description_kind(name: str, *, family: FamilyName, imports: bool) -> type[Description]:
    known, kind = DESCRIPTIONS, Description
    found = class_named(name, known, kind, imports=imports)  # type: ignore[type-abstract]
    if family not in found.families:
        raise ValueError(f"{name} may stand in {' or '.join(found.families)}, got family {family}")
    return found
