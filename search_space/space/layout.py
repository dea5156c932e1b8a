"""A search space laid out: its parameters in order, and the components that they describe."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from search_space.architecture import Stage
from search_space.detector import Detector
from search_space.families import FamilyName, family_problem
from search_space.primitives import Stem
from search_space.primitives.channel_attention import (
    CHANNEL_ATTENTION_DESCRIPTIONS,
    ChannelAttentionDescription,
)
from search_space.primitives.primitive import Description
from search_space.primitives.registry import DESCRIPTIONS, class_named
from search_space.primitives.stem_types import STEMS
from search_space.space.combinations import size_problems
from search_space.space.component_choices import (
    Component,
    ComponentChoices,
    Entries,
    read_component,
)
from search_space.space.config import SpaceConfig, StageConfig
from search_space.space.detector_choices import DetectorChoices, read_detector
from search_space.space.parameters import Conditions, Parameter, ParameterList
from search_space.space.resolved_choices import ResolvedChoices
from search_space.space.restriction import Restriction
from search_space.space.stage_choices import StageChoices
from search_space.space.stage_components import StageComponents
from search_space.yaml_validation import ConfigError

UNRESTRICTED = Restriction(None)


class Layout(NamedTuple):
    """All that a search space's operations need."""

    parameters: tuple[Parameter, ...]
    stem: ComponentChoices
    stems: ResolvedChoices[Stem]
    stages: tuple[StageChoices, ...]
    detector: DetectorChoices | None  # None in a space of classifiers


class Parts(NamedTuple):
    """The parts that vary between the architectures of a space."""

    stem: Stem
    stages: tuple[Stage, ...]
    detector: Detector | None


def lay_out(config: SpaceConfig, source: str, *, imports: bool = False) -> Layout:
    """Read every component of ``config``, and resolve each primitive it can name once.

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
    restriction = Restriction(config.only)
    stem = read_component(
        Component("stem", "stem", ()),
        config.stem,
        partial(_stem_kind, imports=imports),
        listed,
        problems,
        restriction if config.only == "conv" else UNRESTRICTED,
    )
    stages = [
        _read_stage(number, stage, config, listed, problems, restriction, imports=imports)
        for number, stage in enumerate(config.stages, start=1)
    ]
    detector = None
    if config.detector is not None:
        detector = read_detector(config.detector, listed, problems, restriction)
    problems += restriction.problems()
    stems: list[Stem] = []
    stem_entries: list[Entries] = []
    for value, entries in stem.combinations() if stem else ():
        assert isinstance(value, Stem)
        stems.append(value)
        stem_entries.append(entries)
    inputs = sorted({value.width for value in stems})
    for choices, stage in zip(stages, config.stages, strict=True):
        if choices is not None:
            problems += choices.components.problems(inputs)
        inputs = [width * config.expansion for width in stage.width]
    if detector is not None:
        strides = [stage.stride for stage in config.stages]
        problems += [*detector.problems(), *detector.backbone_problems(stems, strides)]
    if problems:
        raise ConfigError(source, problems)
    assert stem is not None
    return Layout(
        tuple(listed.parameters),
        stem,
        ResolvedChoices(stem_entries, stems, stem.type_parameter),
        tuple(choices for choices in stages if choices is not None),
        detector,
    )


def _read_stage(
    number: int,
    stage: StageConfig,
    config: SpaceConfig,
    listed: ParameterList,
    problems: list[str],
    restriction: Restriction,
    *,
    imports: bool,
) -> StageChoices | None:
    name, path = f"stage{number}", f"stages[{number - 1}]"
    for field in ("depth", "width"):
        choices = getattr(stage, field)
        if len(set(choices)) < len(choices):
            problems.append(f"{path}.{field}: repeats a choice, got {list(choices)}")
    depth = listed.add(f"{name}.depth", stage.depth)
    width = listed.add(f"{name}.width", stage.width)

    def read(
        component: Component, described: tuple[dict[str, Any], ...]
    ) -> ComponentChoices | None:
        kind = partial(_description_kind, family=config.family, imports=imports)
        return read_component(component, described, kind, listed, problems, restriction)

    overrides = {}
    for index, described in stage.overrides.items():
        override_path = f"{path}.overrides.{index}"
        if not 0 <= index < max(stage.depth):
            problems.append(
                f"{override_path}: a stage of depth {max(stage.depth)} has no block {index}"
            )
        exists = _where_depth(depth, stage, lambda d, i=index: d > i)  # type: ignore[misc]
        override = read(Component(f"{name}.block{index}", override_path, exists), described)
        if override is not None:
            overrides[index] = override
    channel_attention = read_component(
        Component(f"{name}.recalibration", f"{path}.recalibration", ()),
        stage.recalibration,
        partial(_channel_attention_kind, imports=imports),
        listed,
        problems,
        UNRESTRICTED,
    )
    exists = _where_depth(depth, stage, lambda d: _has_shared_block(stage, d))
    if not any(_has_shared_block(stage, d) for d in stage.depth):
        # Every block is overridden: there is nothing to choose for all of them.
        listed, restriction = ParameterList(), UNRESTRICTED
    shared = read(Component(name, f"{path}.primitive", exists), stage.primitive)
    if shared is None or channel_attention is None:
        return None
    components = StageComponents(
        stage,
        config.block,
        config.expansion,
        shared=shared,
        overrides=overrides,
        channel_attention=channel_attention,
    )
    return StageChoices(stage, config.expansion, depth, width, components)


def _has_shared_block(stage: StageConfig, depth: int) -> bool:
    return any(block not in stage.overrides for block in range(depth))


def _where_depth(
    parameter: int | None, stage: StageConfig, holds: Callable[[int], bool]
) -> Conditions:
    """Return the condition that a stage's depth ``holds``; none if every depth does."""
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
    named = class_named(name, known, kind, imports=imports)  # type: ignore[type-abstract]
    if family not in named.families:
        raise ValueError(f"{name} may stand in {' or '.join(named.families)}, got family {family}")
    return named
