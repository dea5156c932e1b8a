"""Configurations as files: YAML, overridden by ``section.key=value``, validated whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel

from nas.config import SearchConfig
from nas.settings import SamplerSettings
from nas.whole_file import replace_file
from search_space.reading import DescriptionError, dump_yaml, parse_yaml, read_yaml, validate
from search_space.space import SearchSpace
from search_space.values import Value
from trainers import DataConfig

Config = TypeVar("Config", bound=Value)

MOST_INTERPOLATIONS = 16
"""``${...}`` in a configuration."""


def load_config(path: Path, overrides: Sequence[str] = ()) -> SearchConfig:
    """Read a search's file, apply ``section.key=value`` overrides, and check all of it.

    ``space``, ``proxy`` and ``retrain`` may each be a path to a file of their own, relative to the
    file that names it (or, in an override, to the working folder). An override that names another
    sampler drops the file's ``sampler.options``, which are those of one sampler.

    Raises:
        DescriptionError: with every problem found, each with its key.
    """
    config = read_config(SearchConfig, path, overrides, ("space", "proxy", "retrain"))
    if config.latency.table is None:
        return config
    table = str(Path(config.latency.table).resolve())  # a run may be resumed from another folder
    return config.replace(latency=config.latency.replace(table=table))


def read_config(
    kind: type[Config], path: Path, overrides: Sequence[str], file_sections: Sequence[str]
) -> Config:
    """A configuration that has a ``space`` and ``data``, read as :func:`load_config` says.

    Args:
        kind: what to read.
        path: its file.
        overrides: changes, ``section.key=value``.
        file_sections: the sections that may be a path to a file of their own.

    Raises:
        DescriptionError: with every problem found, each with its key.
    """
    data = read_yaml(path)
    if not isinstance(data, dict):
        raise DescriptionError(str(path), ["not a configuration: a mapping is needed"])
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
                except DescriptionError as error:
                    unread[section] = [f"{section}: {file}: {line}" for line in error.problems]
    _drop_options_of_another_sampler(data, changes)
    merged = _merged(data, changes, path, overrides)
    problems = [line for lines in unread.values() for line in lines]
    try:
        config = _with_absolute_data_path(validate(kind, merged, str(path)))
    except DescriptionError as error:
        problems += [line for line in error.problems if line.partition(":")[0] not in unread]
    space = merged.get("space") if isinstance(merged, dict) else None
    if isinstance(space, dict):
        try:
            SearchSpace.from_mapping(space)
        except DescriptionError as error:
            problems += [f"space.{line}" for line in error.problems]
    if problems:
        raise DescriptionError(str(path), problems)
    return config


def _merged(
    data: dict[str, Any], changes: dict[str, Any], path: Path, overrides: Sequence[str]
) -> Any:
    """A file's content with the overrides in it, and its interpolations resolved."""
    number = sum(text.count("${") for source in (data, changes) for text in _texts(source))
    if number > MOST_INTERPOLATIONS:  # each may repeat all the others: a few lines make gigabytes
        problem = f"at most {MOST_INTERPOLATIONS} interpolations ${{...}} are read, got {number:,}"
        raise DescriptionError(str(path), [problem])
    try:
        return OmegaConf.to_container(OmegaConf.merge(data, changes), resolve=True)
    except OmegaConfBaseException as error:
        raise DescriptionError(str(path), [" ".join(str(error).split())]) from error
    except RecursionError as error:
        raise DescriptionError(str(path), ["an interpolation is nested too deeply"]) from error
    except TypeError as error:
        raise DescriptionError(
            "command line", [f"a list and a mapping do not merge, got {' '.join(overrides)}"]
        ) from error


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
    """Write the resolved configuration; :func:`load_config` reads it back to an equal value.

    Raises:
        OSError: it cannot be written; an earlier file stays as it was.
    """
    text = dump_yaml(config.model_dump(mode="json"))
    # a database's address may hold a password
    replace_file(path, text.encode(), mode=0o600 if config.storage else 0o666)


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
        DescriptionError: one of them is not of that form, or a key is given twice.
    """
    parsed: dict[str, Any] = {}
    for override in overrides:
        key, equals, text = override.partition("=")
        steps = key.split(".")
        if not equals or not all(steps) or not key.isprintable():
            raise DescriptionError(
                "command line", [f"an override is section.key=value, got {override!a}"]
            )
        section = parsed
        for step in steps[:-1]:
            section = section.setdefault(step, {})
            if not isinstance(section, dict):
                break
        if not isinstance(section, dict) or steps[-1] in section:
            raise DescriptionError("command line", [f"{key} is given twice"])
        try:
            section[steps[-1]] = parse_yaml(text, key)
        except DescriptionError as error:
            problems = [f"{key}: {problem}" for problem in error.problems]
            raise DescriptionError("command line", problems) from error
    try:
        OmegaConf.create(parsed)  # reads interpolations, which may be no such thing
    except (OmegaConfBaseException, RecursionError) as error:
        raise DescriptionError("command line", [" ".join(str(error).split())]) from error
    return parsed


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
