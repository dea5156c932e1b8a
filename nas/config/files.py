"""Configurations as files: YAML, overridden by ``section.key=value``, validated whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from nas.atomic_write import replace_file
from nas.config.overrides import (
    drop_other_kinds,
    escaped,
    flattened,
    interpolated_key,
    merged,
    parse_overrides,
)
from nas.config.search_config import SearchConfig
from nas.config.sections import SamplerSettings
from nas.config.storage_url import with_absolute_path
from nas.config.trust import refusal
from nas.evaluation.accuracy_metric import VAL_MAP
from search_space.own_modules import make_importable, names_own_type
from search_space.space import SearchSpace
from search_space.values import Value
from search_space.yaml_validation import ConfigError, dump_yaml, read_yaml, validate
from trainers import MAY_BE_EARLIER, DataConfig

Config = TypeVar("Config", bound=Value)

RECIPES = ("proxy", "retrain", "recipe")
"""The sections of configurations that are recipes."""


def load_config(path: Path, overrides: Sequence[str] = ()) -> SearchConfig:
    """Read a search's file, apply ``section.key=value`` overrides, and check all of it.

    ``space``, ``proxy`` and ``retrain`` may each be a path to a file of their own, relative to the
    file that names it (or, in an override, to the working folder). An override that names another
    sampler drops the file's ``sampler.options``, which are those of one sampler; see also
    :func:`nas.config.overrides.drop_other_kinds`.

    Raises:
        ConfigError: with every problem found, each with its key.
    """
    config = read_config(SearchConfig, path, overrides, ("space", "proxy", "retrain"))
    # Paths become absolute, since a run may be read and resumed from another folder.
    if config.storage is not None:
        config = config.replace(storage=with_absolute_path(config.storage))
    if config.ledger_folder is not None:
        folder = str(Path(config.ledger_folder).expanduser().resolve())
        config = config.replace(ledger_folder=folder)
    if config.latency.table is not None:
        table = str(Path(config.latency.table).resolve())
        config = config.replace(latency=config.latency.replace(table=table))
    return config


def load_saved_config(path: Path, *, trusted: bool) -> SearchConfig:
    """Read a configuration from a run's folder, which :func:`save_config` or anyone else wrote.

    Its recipes may be those of an earlier version: see :mod:`trainers.recipe.earlier`.

    Args:
        path: the file; none of its sections may be a path of another file.
        trusted: False refuses to resolve ``${...}`` and to import modules.

    Raises:
        ConfigError: with every problem found, each with its key.
        TrustError: it holds a ``${...}``, and is not trusted.
    """
    return read_config(SearchConfig, path, (), (), trusted=trusted, context=MAY_BE_EARLIER)


def saved_modules(path: Path) -> Path | None:
    """Return the folder ``modules`` of a saved configuration; None if unset.

    The rest of the file is not checked.

    Raises:
        ConfigError: the file cannot be read, or the value is no path.
    """
    data = read_yaml(path)
    modules = data.get("modules") if isinstance(data, dict) else None
    modules = merged({"modules": modules}, {}, path, ())["modules"]
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
    context: Mapping[str, Any] | None = None,
) -> Config:
    """Read a configuration with ``space`` and ``data``, as :func:`load_config` does.

    Args:
        kind: the class of the configuration.
        path: its file.
        overrides: changes, ``section.key=value``.
        file_sections: the sections that may be paths of other files.
        trusted: False refuses to resolve ``${...}`` and to import modules.
        context: pydantic's validation context.

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
            data.pop(section, None)  # the other file replaces it, and is not merged into it
        for source, folder in ((changes, Path()), (data, path.parent)):
            if isinstance(source.get(section), str):
                file = folder / source[section]
                try:
                    source[section] = read_yaml(file)
                except ConfigError as error:
                    unread[section] = [f"{section}: {file}: {line}" for line in error.problems]
    _drop_options_of_another_sampler(data, changes)
    for section in RECIPES:
        drop_other_kinds(data.get(section), changes.get(section))
    interpolated = None if trusted else interpolated_key(data)
    if interpolated is not None:
        raise refusal(str(path), f"{interpolated} holds ${{...}}, which would be resolved")
    content = merged(data, changes, path, overrides)
    _expand_val_map(content, path)
    named_from = Path() if changes.get("modules") else path.parent
    _make_modules_importable(content, named_from, trusted=trusted)
    problems = [line for lines in unread.values() for line in lines]
    try:
        config = _with_absolute_data_path(validate(kind, content, str(path), context=context))
    except ConfigError as error:
        problems += [line for line in error.problems if line.partition(":")[0] not in unread]
    space = content.get("space") if isinstance(content, dict) else None
    if isinstance(space, dict):
        try:
            SearchSpace.from_mapping(space, imports=trusted)
        except ConfigError as error:
            problems += [f"space.{line}" for line in error.problems]
    if problems:
        raise ConfigError(str(path), problems)
    return config


def _make_modules_importable(content: Any, folder: Path, *, trusted: bool) -> None:
    """Make the folder of a user's own types importable: ``folder / modules``.

    The path is made absolute: workers run elsewhere, and a run may be read from another folder. If
    the content is not trusted, ``modules`` is removed, so that nothing is imported from it, neither
    here nor on workers.
    """
    modules = content.get("modules") or ""
    if not trusted:
        content.pop("modules", None)
    elif _names_own_code(content) and isinstance(modules, str):
        content["modules"] = str((folder / modules).resolve())
        make_importable(Path(content["modules"]))


def _expand_val_map(content: dict[str, Any], path: Path) -> None:
    """Write the objective ``val_map`` as ``val_accuracy`` and the metric that says what that is.

    Raises:
        ConfigError: another metric is given.
    """
    objectives = content.get("objectives")
    if not isinstance(objectives, list) or VAL_MAP not in objectives:
        return
    metric = content.setdefault("metric", "average_precision")
    if metric != "average_precision":
        problem = (
            f"objectives: {VAL_MAP} is the average precision, got metric={metric!r}: leave metric "
            "out, or use val_accuracy"
        )
        raise ConfigError(str(path), [problem])
    content["objectives"] = ["val_accuracy" if each == VAL_MAP else each for each in objectives]


def _names_own_code(content: Mapping[str, Any]) -> bool:
    """Return whether a space has a type of the user's own, or the data or a tracker is theirs."""
    data, trackers = content.get("data"), content.get("tracking")
    names = [data.get("name") if isinstance(data, dict) else None]
    names += trackers if isinstance(trackers, list) else []
    is_named = any(isinstance(name, str) and ":" in name for name in names)
    return is_named or names_own_type(content.get("space"))


def _drop_options_of_another_sampler(data: dict[str, Any], changes: dict[str, Any]) -> None:
    before, now = data.get("sampler"), changes.get("sampler")
    if not isinstance(before, dict) or not isinstance(now, dict):
        return
    name = before.get("name", SamplerSettings().name)
    if now.get("name", name) != name:
        before.pop("options", None)


def _with_absolute_data_path(config: Config) -> Config:
    """Make the path of local data absolute: workers and resumed runs have other working folders."""
    data: DataConfig = config.data  # type: ignore[attr-defined]
    if data.path is None or not Path(data.path).exists():
        return config  # a data set's name on the hub, or missing, which loading reports
    return config.replace(data=data.model_copy(update={"path": str(Path(data.path).resolve())}))


def save_config(config: SearchConfig, path: Path) -> None:
    """Write the resolved configuration; :func:`load_saved_config` reads back an equal value.

    The storage's password is left out.

    Raises:
        OSError: it cannot be written; an earlier file stays.
    """
    data = escaped(config.saved.model_dump(mode="json"))
    replace_file(path, dump_yaml(data).encode())


def differences(before: BaseModel, now: BaseModel) -> dict[str, tuple[Any, Any]]:
    """Return the keys in which two configurations differ, each with both values."""
    old, new = (flattened(config.model_dump(mode="json")) for config in (before, now))
    return {
        key: (old.get(key), new.get(key))
        for key in sorted(old | new)
        if old.get(key) != new.get(key)
    }
