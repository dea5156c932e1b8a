"""Copy the modules of a user's own types and functions, which a job imports on every node."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nas.errors import CommandError

OWN_PACKAGES = ("search_space", "nas", "trainers", "analysis")
"""This project's packages: the cluster has them installed."""

INSTALLED_IN = ("site-packages", "dist-packages")
"""The names of the folders of installed packages."""

NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


def named_modules(space: Any, data_name: str, trackers: Sequence[str] = ()) -> set[str]:
    """Return the top-level names of the modules of a space's types, the data and trackers."""
    names = set(_typed(space))
    names |= {name for name in (data_name, *trackers) if ":" in name}
    return {name.partition(":")[0].partition(".")[0] for name in names}


def stage_modules(names: set[str], folder: Path) -> list[str]:
    """Copy modules, and all modules and packages that lie beside them, which they may import.

    Args:
        names: of top-level modules, which this process can import.
        folder: gets the copies.

    Returns:
        the names that are installed here, and so must be installed on the cluster.

    Raises:
        CommandError: a module lies in no folder that can be copied, or two have one name.
    """
    installed = []
    folders: dict[Path, None] = {}
    for name in sorted(names):
        if _is_installed(name):
            installed.append(name)
        else:
            folders[_folder_of(name)] = None
    for source in folders:
        stage_folder(source, folder)
    return installed


def stage_folder(source: Path, folder: Path) -> None:
    """Copy the modules and packages of a folder.

    Raises:
        CommandError: one of that name is there already, or ``source`` is no folder.
    """
    if not source.is_dir():
        raise CommandError(f"the folder of modules {str(source)!r} is not there")
    for item in _code_in(source):
        target = folder / item.name
        if target.exists():
            raise CommandError(f"two of your modules are called {item.name!r}: {source} has one")
        if item.is_dir():
            shutil.copytree(item, target, ignore=NOT_COPIED)
        else:
            shutil.copyfile(item, target)


def _typed(data: Any) -> Iterator[str]:
    """Yield each ``module:Class`` that is a type anywhere in a space."""
    if isinstance(data, list):
        for inner in data:
            yield from _typed(inner)
    elif isinstance(data, dict):
        own = data.get("type")
        if isinstance(own, str) and ":" in own:
            yield own
        for inner in data.values():
            yield from _typed(inner)


def _is_installed(name: str) -> bool:
    """Return whether Python or one of its installed packages has a module of this name."""
    if name in sys.stdlib_module_names or name in OWN_PACKAGES:
        return True
    places = [Path(place) for place in sys.path if Path(place).name in INSTALLED_IN]
    return any((place / name).is_dir() or any(place.glob(f"{name}.*")) for place in places)


def _folder_of(name: str) -> Path:
    """Return the folder in which a module lies."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise CommandError(f"the module {name!r} lies in no folder here that could be sent")
    file = Path(spec.origin)
    return file.parent.parent if spec.submodule_search_locations else file.parent


def _code_in(folder: Path) -> Iterator[Path]:
    """Yield a folder's modules and packages, but for those that an installed one would hide."""
    for item in sorted(folder.iterdir()):
        is_module = item.suffix == ".py" and item.is_file()
        if (is_module or (item / "__init__.py").is_file()) and not _is_installed(item.stem):
            yield item
