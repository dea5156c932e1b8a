"""Read one architecture from a file: a search space with nothing left to choose, or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from search_space.architecture import Architecture, Task
from search_space.own_modules import make_importable
from search_space.primitives.registry import IMPORTS
from search_space.space import SearchSpace
from search_space.yaml_validation import ConfigError, read_yaml, validate


def read_architecture_and_task(
    path: Path, *, imports: bool = False
) -> tuple[Architecture, Task | None]:
    """Read the architecture in a file, and the task if the file has one.

    The file holds the canonical JSON (stages list their ``blocks``), or the form of a search space,
    in which ratios such as kappa may stand, with exactly one architecture in it. Or it holds an
    ``architecture`` in either form beside other keys, of which ``task`` is read, as in what
    ``nas describe --json`` prints and in a member of ``nas frontier --json``.

    Args:
        path: the file.
        imports: whether types ``module:Class`` may import their modules, which runs the code of
            those: see :func:`search_space.primitives.registry.class_named`. The modules may lie
            beside the file.

    Raises:
        ConfigError: no such file, not one architecture, or no task under ``task``.
    """
    if imports:
        make_importable(path.parent)
    data = read_yaml(path)
    if not isinstance(data, dict):
        raise ConfigError(str(path), ["not an architecture: a mapping is needed"])
    if not isinstance(data.get("architecture"), dict):
        return _architecture(data, path, str(path), imports=imports), None
    task = None if data.get("task") is None else validate(Task, data["task"], f"{path}, task")
    source = f"{path}, architecture"
    return _architecture(data["architecture"], path, source, imports=imports), task


def _architecture(data: dict[Any, Any], path: Path, source: str, *, imports: bool) -> Architecture:
    stages = data.get("stages")
    if isinstance(stages, list) and any(isinstance(s, dict) and "blocks" in s for s in stages):
        return validate(Architecture, data, source, context={IMPORTS: imports})
    space = SearchSpace.from_mapping({"name": path.stem} | data, source, imports=imports)
    if space.size != 1:
        raise ConfigError(
            source,
            [f"one architecture is needed, this describes {space.size:,}: leave nothing to choose"],
        )
    return next(space.architectures())
