"""Configurations as files: YAML, overridden by ``section.key=value``, validated whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel

from nas.atomic_write import replace_file
from nas.config.search_config import SearchConfig
from nas.config.sections import SamplerSettings
from nas.config.storage_url import shown_words, with_absolute_path
from nas.config.trust import refusal
from search_space.own_modules import make_importable, names_own_type
from search_space.space import SearchSpace
from search_space.values import Value
from search_space.yaml_validation import ConfigError, dump_yaml, parse_yaml, read_yaml, validate
from trainers import DataConfig

Config = TypeVar("Config", bound=Value)

MOST_INTERPOLATIONS = 16
"""``${...}`` in a configuration."""

STORAGE = "storage"
"""The key whose value may hold a password, which no message repeats."""

NOT_SHOWN = "it is not shown, since it may hold a password"


def load_config(path: Path, overrides: Sequence[str] = ()) -> SearchConfig:
    """Read a search's file, apply ``section.key=value`` overrides, and check all of it.

    ``space``, ``proxy`` and ``retrain`` may each be a path to a file of their own, relative to the
    file that names it (or, in an override, to the working folder). An override that names another
    sampler drops the file's ``sampler.options``, which are those of one sampler.

    Raises:
        ConfigError: with every problem found, each with its key.
    """
    config = read_config(SearchConfig, path, overrides, ("space", "proxy", "retrain"))
    # absolute paths, since a run may be read and resumed from another folder
    if config.storage is not None:
        config = config.replace(storage=with_absolute_path(config.storage))
    if config.latency.table is not None:
        table = str(Path(config.latency.table).resolve())
        config = config.replace(latency=config.latency.replace(table=table))
    return config


def load_saved_config(path: Path, *, trusted: bool) -> SearchConfig:
    """Read a configuration that :func:`save_config` wrote, or that somebody says it wrote.

    Args:
        path: the file, which stands for itself: its sections are no paths to others.
        trusted: False refuses to resolve ``${...}`` and to import modules.

    Raises:
        ConfigError: with every problem found, each with its key.
        TrustError: it holds a ``${...}``, and is not trusted.
    """
    return read_config(SearchConfig, path, (), (), trusted=trusted)


def saved_modules(path: Path) -> Path | None:
    """The folder ``modules`` of a configuration that :func:`save_config` wrote; None if unset.

    Nothing else of the file is checked.

    Raises:
        ConfigError: the file cannot be read, or the value is no path.
    """
    data = read_yaml(path)
    modules = data.get("modules") if isinstance(data, dict) else None
    modules = _merged({"modules": modules}, {}, path, ())["modules"]
    if modules is None:
        return None
    if not isinstance(modules, str):
        raise ConfigError(str(path), [f"modules: must be a folder's path, got {modules!r}"])
    return path.parent / modules


def read_config(
    kind: type[Config],
    path: Path,
    overrides: Sequence[str],
    file_sections: Sequence[str],
    *,
    trusted: bool = True,
) -> Config:
    """A configuration that has a ``space`` and ``data``, read as :func:`load_config` says.

    Args:
        kind: what to read.
        path: its file.
        overrides: changes, ``section.key=value``.
        file_sections: the sections that may be a path to a file of their own.
        trusted: False refuses to resolve ``${...}`` and to import modules.

    Raises:
        ConfigError: with every problem found, each with its key.
        TrustError: it holds a ``${...}``, and is not trusted.
    """
    data = read_yaml(path)
    if not isinstance(data, dict):
        raise ConfigError(str(path), ["not a configuration: a mapping is needed"])
    changes = parse_overrides(overrides)
    unread: dict[str, list[str]] = {}  # section -> why its file could not be read
    for section in file_sections:
        if isinstance(changes.get(section), str):
            data.pop(section, None)  # another file stands in its place, and is not merged into it
        for source, folder in ((changes, Path()), (data, path.parent)):
            if isinstance(source.get(section), str):
                file = folder / source[section]
                try:
                    source[section] = read_yaml(file)
                except ConfigError as error:
                    unread[section] = [f"{section}: {file}: {line}" for line in error.problems]
    _drop_options_of_another_sampler(data, changes)
    interpolated = None if trusted else _interpolated_key(data)
    if interpolated is not None:
        raise refusal(str(path), f"{interpolated} holds ${{...}}, which would be resolved")
    merged = _merged(data, changes, path, overrides)
    named_from = Path() if changes.get("modules") else path.parent
    _make_modules_importable(merged, named_from, trusted=trusted)
    problems = [line for lines in unread.values() for line in lines]
    try:
        config = _with_absolute_data_path(validate(kind, merged, str(path)))
    except ConfigError as error:
        problems += [line for line in error.problems if line.partition(":")[0] not in unread]
    space = merged.get("space") if isinstance(merged, dict) else None
    if isinstance(space, dict):
        try:
            SearchSpace.from_mapping(space, imports=trusted)
        except ConfigError as error:
            problems += [f"space.{line}" for line in error.problems]
    if problems:
        raise ConfigError(str(path), problems)
    return config


def _merged(
    data: dict[str, Any], changes: dict[str, Any], path: Path, overrides: Sequence[str]
) -> Any:
    """A file's content with the overrides in it, and its interpolations resolved."""
    number = sum(text.count("${") for source in (data, changes) for text in _texts(source))
    if number > MOST_INTERPOLATIONS:  # each may repeat all the others: a few lines make gigabytes
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


def _make_modules_importable(merged: Any, folder: Path, *, trusted: bool) -> None:
    """Find types of one's own in ``modules``, a path from ``folder``, or else in ``folder`` itself.

    The path is made absolute: workers run elsewhere, and a run may be read from another folder.
    What is not trusted names no folder to import from, neither here nor on workers.
    """
    modules = merged.get("modules") or ""
    if not trusted:
        merged.pop("modules", None)
    elif names_own_type(merged.get("space")) and isinstance(modules, str):
        merged["modules"] = str((folder / modules).resolve())
        make_importable(Path(merged["modules"]))


def _drop_options_of_another_sampler(data: dict[str, Any], changes: dict[str, Any]) -> None:
    before, now = data.get("sampler"), changes.get("sampler")
    if not isinstance(before, dict) or not isinstance(now, dict):
        return
    name = before.get("name", SamplerSettings().name)
    if now.get("name", name) != name:
        before.pop("options", None)


def _with_absolute_data_path(config: Config) -> Config:
    """Workers run in folders of their own, and a run may be resumed from another one."""
    data: DataConfig = config.data  # type: ignore[attr-defined]
    if data.path is None or not Path(data.path).exists():
        return config  # a data set's name on the hub, or missing, which loading says
    return config.replace(data=data.model_copy(update={"path": str(Path(data.path).resolve())}))


def save_config(config: SearchConfig, path: Path) -> None:
    """Write the resolved configuration; :func:`load_saved_config` reads back an equal value.

    The storage's password is left out.

    Raises:
        OSError: it cannot be written; an earlier file stays as it was.
    """
    data = _escaped(config.saved.model_dump(mode="json"))
    replace_file(path, dump_yaml(data).encode())


_INTERPOLATION = re.compile(r"(\\*)\$\{")
"""After an odd number of backslashes, OmegaConf takes ``${`` for itself."""


def _escaped(data: Any) -> Any:
    """Plain data in which no text is an interpolation any more."""
    if isinstance(data, dict):
        return {key: _escaped(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_escaped(value) for value in data]
    if isinstance(data, str):
        return _INTERPOLATION.sub(r"\1\1\\${", data)
    return data


def _interpolated_key(data: dict[str, Any]) -> str | None:
    """The first key whose value OmegaConf would resolve; None if there is none."""
    for key, value in _flat(data).items():
        found = (m for text in _texts(value) for m in _INTERPOLATION.finditer(text))
        if any(len(m[1]) % 2 == 0 for m in found):
            return key
    return None


def differences(before: BaseModel, now: BaseModel) -> dict[str, tuple[Any, Any]]:
    """The keys in which two configurations differ, each with both values."""
    old, new = (_flat(config.model_dump(mode="json")) for config in (before, now))
    return {
        key: (old.get(key), new.get(key))
        for key in sorted(old | new)
        if old.get(key) != new.get(key)
    }


def _flat(data: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(data, dict) or not data:
        return {prefix: data}
    flat: dict[str, Any] = {}
    for key, value in data.items():
        flat |= _flat(value, f"{prefix}.{key}" if prefix else str(key))
    return flat


def parse_overrides(overrides: Sequence[str]) -> dict[str, Any]:
    """Nested plain data from ``section.key=value`` texts; values are read as a file's are.

    Raises:
        ConfigError: one of them is not of that form, or a key is given twice.
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
        OmegaConf.create(parsed)  # reads interpolations, which may be no such thing
    except OmegaConfBaseException as error:
        raise ConfigError("command line", [_unresolved(error)]) from error
    except RecursionError as error:
        raise ConfigError("command line", [str(error)]) from error
    return parsed


def _unresolved(error: OmegaConfBaseException) -> str:
    """Why OmegaConf could not resolve a value."""
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
