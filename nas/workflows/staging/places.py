"""The places that a job reads and writes: absolute paths that the cluster's machines have.

A job's working folder is local to a node and temporary, and this machine's folders are not the
cluster's, so that a relative path names nothing there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nas.config.overrides import flattened, merged, parse_overrides
from nas.config.storage_url import sqlite_file, without_password
from nas.errors import CommandError
from search_space.yaml_validation import ConfigError, read_yaml
from trainers import DataConfig

WHY = (
    "must be an absolute path that the cluster has, since a job's working folder is local to a "
    "node and temporary"
)

DATA, CACHE, TABLE, STORAGE = "data.path", "data.cache", "latency.table", "storage"
LEDGER_FOLDER = "ledger_folder"


def check_runs(runs: Path) -> None:
    """Refuse a relative folder of runs.

    Raises:
        CommandError: it is relative.
    """
    if not runs.is_absolute():
        raise CommandError(f"--runs {WHY}, got {str(runs)!r}")


def check_run_name(name: str) -> None:
    """Refuse a run that is named by a relative path.

    Raises:
        CommandError: it is.
    """
    if "/" in name and not Path(name).is_absolute():
        raise CommandError(f"a run by its path {WHY}, got {name!r}; or give its name and --runs")


def written_values(file: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """Return a search's values by their keys, as its file and the overrides have them.

    A configuration that is read has absolute paths, those of this machine.

    Raises:
        ConfigError: the file cannot be read.
    """
    content = merged(read_yaml(file), parse_overrides(overrides), file, overrides)
    return flattened(content)


def check_places(source: Path, values: Mapping[str, Any], data: DataConfig) -> None:
    """Refuse the relative paths in a search's values.

    Args:
        source: the search's file, for messages.
        values: see :func:`written_values`.
        data: the data that they name.

    Raises:
        ConfigError: with every relative path, each with its key.
    """
    paths = {key: values.get(key) for key in (DATA, CACHE, TABLE, LEDGER_FOLDER)}
    if is_hub_id(data, paths[DATA]):
        paths[DATA] = None
    problems = [
        f"{key} {WHY}, got {path!r}"
        for key, path in paths.items()
        if isinstance(path, str) and not Path(path).is_absolute()
    ]
    storage = values.get(STORAGE)
    file = sqlite_file(storage) if isinstance(storage, str) else None
    if file is not None and not file.is_absolute():
        shown = without_password(str(storage))
        problems.append(f"{STORAGE}: its file {WHY} (four slashes), got {shown!r}")
    if problems:
        raise ConfigError(str(source), problems)


def is_hub_id(data: DataConfig, path: Any) -> bool:
    """Return whether a path of data is the id of a data set on the hub, such as ``owner/name``."""
    return data.name == "hub" and isinstance(path, str) and not path.startswith((".", "/", "~"))
