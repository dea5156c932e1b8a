"""Overrides ``section.key=value`` and interpolations ``${...}``, by OmegaConf."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nas.config.storage_url import shown_words
from search_space.yaml_validation import ConfigError, parse_yaml

MOST_INTERPOLATIONS = 16
"""The most ``${...}`` in a configuration: each may repeat all others, and a few make gigabytes."""

STORAGE = "storage"
"""The key whose value may hold a password, which no message repeats."""

NOT_SHOWN = "it is not shown, since it may hold a password"


def parse_overrides(overrides: Sequence[str]) -> dict[str, Any]:
    """Parse ``section.key=value`` texts to nested plain data; values are YAML.

    Raises:
        ConfigError: a text is not of that form, or a key is given twice.
    """
    parsed: dict[str, Any] = {}
    for override, shown in zip(overrides, shown_words(overrides), strict=True):
        key, equals, text = override.partition("=")
        steps = key.split(".")
        if not equals or not all(steps) or not key.isprintable() or "://" in key:
            raise ConfigError("command line", [f"an override is section.key=value, got {shown!a}"])
        section = parsed
        for step in steps[:-1]:
            section = section.setdefault(step, {})
            if not isinstance(section, dict):
                break
        if not isinstance(section, dict) or steps[-1] in section:
            raise ConfigError("command line", [f"{key} is given twice"])
        try:
            section[steps[-1]] = parse_yaml(text, key)
        except ConfigError as error:
            problems = [f"{key}: {problem}" for problem in error.problems]
            if key == STORAGE:
                problems = [f"{key}: not YAML: put the value in quotes ({NOT_SHOWN})"]
            raise ConfigError("command line", problems) from error
    try:
        OmegaConf.create(parsed)  # raises where a ``${...}`` is no interpolation
    except OmegaConfBaseException as error:
        raise ConfigError("command line", [_unresolved(error)]) from error
    except RecursionError as error:
        raise ConfigError("command line", [str(error)]) from error
    return parsed


def merged(
    data: dict[str, Any], changes: dict[str, Any], path: Path, overrides: Sequence[str]
) -> Any:
    """Merge overrides into a file's content, and resolve its interpolations.

    Args:
        data: the file's content.
        changes: the parsed overrides.
        path: the file, for messages.
        overrides: the overrides' texts, for messages.

    Raises:
        ConfigError: an interpolation cannot be resolved, there are too many, or a list would merge
            with a mapping.
    """
    number = sum(text.count("${") for source in (data, changes) for text in _texts(source))
    if number > MOST_INTERPOLATIONS:
        problem = f"at most {MOST_INTERPOLATIONS} interpolations ${{...}} are read, got {number:,}"
        raise ConfigError(str(path), [problem])
    try:
        return OmegaConf.to_container(OmegaConf.merge(data, changes), resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(str(path), [_unresolved(error)]) from error
    except RecursionError as error:
        raise ConfigError(str(path), ["an interpolation is nested too deeply"]) from error
    except TypeError as error:
        raise ConfigError(
            "command line",
            [f"a list and a mapping do not merge, got {' '.join(shown_words(overrides))}"],
        ) from error


KEPT_BY_EVERY_KIND = ("warmup_epochs", "warmup_fraction")
"""Keys of a schedule that an override of its name leaves."""


def drop_other_kinds(recipe: Any, changes: Any) -> None:
    """Remove from a recipe's content the keys that belong to another kind than the overrides name.

    The optimiser, the schedule and the policy of augmentation are each of a kind, by ``name``, and
    have the keys of that kind. A schedule's warm-up stays.

    Args:
        recipe: plain data, changed in place; anything else stays as it is.
        changes: the parsed overrides of the recipe.
    """
    if not isinstance(recipe, dict) or not isinstance(changes, dict):
        return
    for key, change in changes.items():
        before = recipe.get(key)
        if not isinstance(before, dict) or not isinstance(change, dict):
            continue
        if "name" in before and change.get("name", before["name"]) != before["name"]:
            recipe[key] = {k: v for k, v in before.items() if k in KEPT_BY_EVERY_KIND}
        else:
            drop_other_kinds(before, change)


_INTERPOLATION = re.compile(r"(\\*)\$\{")
"""OmegaConf resolves ``${`` after an even number of backslashes."""


def escaped(data: Any) -> Any:
    """Escape the interpolations in plain data, so that OmegaConf resolves none."""
    if isinstance(data, dict):
        return {key: escaped(value) for key, value in data.items()}
    if isinstance(data, list):
        return [escaped(value) for value in data]
    if isinstance(data, str):
        return _INTERPOLATION.sub(r"\1\1\\${", data)
    return data


def interpolated_key(data: dict[str, Any]) -> str | None:
    """Return the first key whose value OmegaConf would resolve; None if there is none."""
    for key, value in flattened(data).items():
        matches = (m for text in _texts(value) for m in _INTERPOLATION.finditer(text))
        if any(len(m[1]) % 2 == 0 for m in matches):
            return key
    return None


def flattened(data: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested data by dotted keys, such as ``search.n_trials``, after ``prefix``."""
    if not isinstance(data, dict) or not data:
        return {prefix: data}
    flat: dict[str, Any] = {}
    for key, value in data.items():
        flat |= flattened(value, f"{prefix}.{key}" if prefix else str(key))
    return flat


def _unresolved(error: OmegaConfBaseException) -> str:
    """Say why OmegaConf could not resolve a value, without a storage URL."""
    reason = " ".join(str(error).split())
    if error.full_key != STORAGE:
        return reason
    unset = re.search(r"Environment variable '\w+' not found", reason)
    why = unset[0] if unset else f"its ${{...}} cannot be resolved ({NOT_SHOWN})"
    return f"{STORAGE}: {why}"


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for pair in data.items():
            for inner in pair:
                yield from _texts(inner)
    elif isinstance(data, list):
        for inner in data:
            yield from _texts(inner)
