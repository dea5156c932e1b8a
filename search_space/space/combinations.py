"""The work that reading a search space takes, counted from its file's lists alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from search_space.bounds import MOST_CHOICES, MOST_COMBINATIONS, MOST_DESCRIPTIONS
from search_space.space.config import DetectorConfig, SpaceConfig, StageConfig, choices_of

Described = Sequence[Mapping[str, Any]]
"""The choices of a component as they stand in the file: a mapping for each type."""


def combinations(config: SpaceConfig) -> int:
    """Count the combinations that are tried when the space is read, without reading it.

    Every description (one choice for each field of a type) of every component is read once. Those
    of a stage are then resolved at each width of the stage with each width that may come in: the
    widths of the stage before, or of the stem, and for later blocks the stage's own. Each depth is
    looked up with each width of the stage and of its input. Those of a detector are resolved at
    each of its widths.
    """
    tried = _descriptions(config.stem)
    inputs = len({repr(w) for entry in config.stem for w in choices_of(entry.get("width"))})
    for stage in config.stages:
        widths = len(stage.width)
        described = sum(map(_descriptions, _components(stage).values()))
        tried += described * (1 + widths * (inputs + 1)) + len(stage.depth) * widths * inputs
        inputs = widths
    if config.detector is not None:
        operators = sum(map(_descriptions, _operators(config.detector).values()))
        tried += operators * (1 + len(config.detector.width))
    return tried


def size_problems(config: SpaceConfig) -> list[str]:
    """Say why the space is too large to be read, one line a problem, each with its path."""
    components: dict[str, Described] = {"stem": config.stem}
    for number, stage in enumerate(config.stages):
        for name, described in _components(stage).items():
            components[f"stages[{number}].{name}"] = described
    if config.detector is not None:
        for name, described in _operators(config.detector).items():
            components[f"detector.{name}"] = described
    problems = [
        problem
        for name, described in components.items()
        for index, entry in enumerate(described)
        for problem in _size_problems(entry, f"{name}[{index}]")
    ]
    tried = combinations(config)
    if not problems and tried > MOST_COMBINATIONS:
        problems.append(
            f"the space is too large to look through: {tried:,} combinations of the "
            f"choices of fields, depths and widths, at most {MOST_COMBINATIONS:,}"
        )
    return problems


def _components(stage: StageConfig) -> dict[str, Described]:
    """Return a stage's components by their paths in it."""
    overrides = {f"overrides.{index}": described for index, described in stage.overrides.items()}
    return {"primitive": stage.primitive, "recalibration": stage.recalibration, **overrides}


def _operators(detector: DetectorConfig) -> dict[str, Described]:
    """Return a detector's components by their names."""
    return {"pyramid": detector.pyramid, "heads": detector.heads}


def _descriptions(component: Described) -> int:
    return sum(prod(len(choices_of(value)) for value in entry.values()) for entry in component)


def _size_problems(entry: Mapping[str, Any], where: str) -> list[str]:
    problems = [
        f"{where}.{name}: has {len(choices_of(value)):,} choices, at most {MOST_CHOICES}"
        for name, value in entry.items()
        if len(choices_of(value)) > MOST_CHOICES
    ]
    described = _descriptions([entry])
    if not problems and described > MOST_DESCRIPTIONS:
        problems.append(
            f"{where}: has {described:,} combinations of its fields' choices, at most "
            f"{MOST_DESCRIPTIONS:,}"
        )
    return problems
