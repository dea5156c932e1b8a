"""Overrides of a run's full trainings on the command line, and what they changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nas.config.files import differences
from nas.config.overrides import drop_other_kinds, merged, parse_overrides
from nas.config.search_config import SearchConfig
from nas.config.sections import RaySettings, ResourceSettings
from search_space.validation_problems import explain
from search_space.yaml_validation import ConfigError, read_yaml, validate
from trainers import Recipe

RECIPE = "recipe"
"""The key of the recipe in overrides of ``nas retrain``."""

RESOURCES = "resources"
"""The section that may be changed beside: it changes no result but by rounding."""

RAY = "ray"
"""The section that says where trainings run."""

SOURCE = "command line"
"""The place of wrong overrides, for messages."""

Overrides = Mapping[str, tuple[Any, Any]]
"""Changed keys of a recipe, such as ``recipe.epochs``, each with the values before and now."""


def with_overrides(config: SearchConfig, overrides: Sequence[str]) -> SearchConfig:
    """Return a run's configuration with another full recipe, or other resources.

    Args:
        config: of the run.
        overrides: ``recipe=FILE`` replaces the whole recipe, ``recipe.section.key=value`` changes
            a key of it, ``resources.key=value`` one of the resources, ``ray.address=ADDRESS`` the
            cluster.

    Raises:
        ConfigError: with every problem of the overrides or the recipe, each with its key.
    """
    if not overrides:
        return config
    files = [word for word in overrides if word.partition("=")[0] == RECIPE]
    content = config.retrain.model_dump(mode="json")
    for file in parse_overrides(files).values():
        content = _recipe_in(file)
    changes = parse_overrides([word for word in overrides if word not in files])
    if others := sorted(changes.keys() - {RECIPE, RESOURCES, RAY}):
        raise ConfigError(
            SOURCE,
            [
                f"{key}: only the recipe, the resources and the cluster can be changed here, by "
                "recipe=FILE, recipe.section.key=value, resources.key=value and ray.address=..."
                for key in others
            ],
        )
    drop_other_kinds(content, changes.get(RECIPE))
    whole = {
        RECIPE: content,
        RESOURCES: config.resources.model_dump(mode="json"),
        RAY: config.ray.model_dump(mode="json"),
    }
    whole = merged(whole, changes, Path(SOURCE), overrides)
    recipe = validate(Recipe, whole[RECIPE], SOURCE, RECIPE)
    resources = validate(ResourceSettings, whole[RESOURCES], SOURCE, RESOURCES)
    ray = validate(RaySettings, whole[RAY], SOURCE, RAY)
    try:
        return config.replace(retrain=recipe, resources=resources, ray=ray)
    except ValidationError as error:
        raise ConfigError(SOURCE, explain(error, SearchConfig, RECIPE)) from error


def overrides_of(before: Recipe, now: Recipe) -> dict[str, tuple[Any, Any]]:
    """Return what makes a recipe another one than ``before``."""
    return {f"{RECIPE}.{key}": values for key, values in differences(before, now).items()}


def overrides_json(overrides: Overrides) -> dict[str, dict[str, Any]]:
    """Return overrides as plain data, the values of each key as ``from`` and ``to``."""
    return {key: {"from": before, "to": now} for key, (before, now) in overrides.items()}


def _recipe_in(file: Any) -> dict[str, Any]:
    if not isinstance(file, str):
        raise ConfigError(SOURCE, [f"{RECIPE}: a file's path is needed, got {file!r}"])
    try:
        content = read_yaml(Path(file))
    except ConfigError as error:
        problems = [f"{RECIPE}: {file}: {line}" for line in error.problems]
        raise ConfigError(SOURCE, problems) from error
    if not isinstance(content, dict):
        raise ConfigError(SOURCE, [f"{RECIPE}: {file}: not a recipe: a mapping is needed"])
    return content
