"""How much work it is to read a search space, known from its file's lists alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from search_space.bounds import MOST_CHOICES, MOST_COMBINATIONS, MOST_DESCRIPTIONS
from search_space.space.config import SpaceConfig, StageConfig, choices_of

Described = Sequence[Mapping[str, Any]]
"""The alternatives of a place, as they stand in the file."""


def combinations(config: SpaceConfig) -> int:
    """How many combinations are tried when the space is read; nothing of it is read for that.

    Every description (one choice for each field of an alternative) of every place is read once.
    Those of a stage are then resolved at each width of the stage with each width that may come in:
    the widths of the stage before, or of the stem, and for later blocks the stage's own. Each depth
    is looked up with each width of the stage and of its input.
    """
    found = _descriptions(config.stem)
    inputs = len({repr(w) for entry in config.stem for w in choices_of(entry.get("width"))})
    for stage in config.stages:
        widths = len(stage.width)
        described = sum(_descriptions(place) for place in _places(stage).values())
        found += described * (1 + widths * (inputs + 1)) + len(stage.depth) * widths * inputs
        inputs = widths
    return found


def size_problems(config: SpaceConfig) -> list[str]:
    """Why the space is too large to be read, one line a problem, each with its place."""
    places: dict[str, Described] = {"stem": config.stem}
    for number, stage in enumerate(config.stages):
        places |= {f"stages[{number}].{name}": place for name, place in _places(stage).items()}
    problems = [
        problem
        for name, place in places.items()
        for index, entry in enumerate(place)
        for problem in _size_problems(entry, f"{name}[{index}]")
    ]
    tried = combinations(config)
    if not problems and tried > MOST_COMBINATIONS:
        problems.append(
            f"the space is too large to look through: {tried:,} combinations of the alternatives' "
            f"fields with depths and widths, at most {MOST_COMBINATIONS:,}"
        )
    return problems


def _places(stage: StageConfig) -> dict[str, Described]:
    """A stage's alternatives by the names of their places."""
    overrides = {f"overrides.{index}": place for index, place in stage.overrides.items()}
    return {"primitive": stage.primitive, "recalibration": stage.recalibration, **overrides}


def _descriptions(place: Described) -> int:
    return sum(prod(len(choices_of(value)) for value in entry.values()) for entry in place)


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
