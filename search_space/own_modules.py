"""Modules of a user's own, named by types such as ``my_package.my_module:MyPrimitive``."""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

_folders: list[str] = []
"""Folders given to :func:`make_importable`, for the message about a module that is not there."""


def make_importable(folder: Path) -> None:
    """Let modules in ``folder`` be imported; installed modules have precedence."""
    path = str(folder.resolve())
    if path not in _folders:
        _folders.append(path)
    if path not in sys.path:
        sys.path.append(path)


def import_own(name: str) -> ModuleType:
    """Import a user's module: from the working folder, or from wherever Python finds it.

    Raises:
        ValueError: there is no such module (the message says what to set), or it raises (the
            message has the line).
    """
    if not all(part.isidentifier() for part in name.split(".")):
        raise ValueError(f"a module's name is like my_package.my_module, got {name!r}")
    make_importable(Path())
    importlib.invalidate_caches()  # the module may be newer than the last look into its folder
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if f"{name}.".startswith(f"{error.name}."):  # not one that the module itself imports
            working = str(Path.cwd().resolve())
            others = "".join(f", in {folder}" for folder in _folders if folder != working)
            raise ValueError(
                f"{error} in the working folder ({working}){others} or on PYTHONPATH: set "
                f"PYTHONPATH to the folder that holds {name.partition('.')[0]!r} "
                "(on a cluster, where every node has it)"
            ) from error
        raise ValueError(where_raised(error, _imported_file(error))) from error
    except Exception as error:
        raise ValueError(where_raised(error, _imported_file(error))) from error


def names_own_type(data: Any) -> bool:
    """Return whether a ``type`` anywhere in plain data is a user's own, ``module:Class``."""
    if isinstance(data, list):
        return any(map(names_own_type, data))
    if not isinstance(data, dict):
        return False
    own = data.get("type")
    return (isinstance(own, str) and ":" in own) or any(map(names_own_type, data.values()))


def where_raised(error: Exception, file: str | None) -> str:
    """Describe an error of a user's module, with the line of its ``file`` that was running."""
    reason = f"{type(error).__name__}: {error}"
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == file
    ]
    return f"{file}, line {lines[-1]}: {reason}" if lines else reason


def _imported_file(error: Exception) -> str | None:
    """Return the file of the module whose import raised; None if it did not begin to run."""
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename not in (__file__, importlib.__file__) and Path(frame.filename).is_file():
            return frame.filename
    return None
