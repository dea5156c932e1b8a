"""One architecture from a file: as a search space with nothing left to choose, or as JSON."""

from __future__ import annotations

from pathlib import Path

from search_space.architecture import Architecture
from search_space.primitives.registry import IMPORTS
from search_space.reading import DescriptionError, read_yaml, validate
from search_space.space import SearchSpace


def read_architecture(path: Path, *, imports: bool = False) -> Architecture:
    """The architecture in a file.

    Either the canonical JSON (stages list their ``blocks``), or the form of a search space, in
    which ratios such as kappa may stand, with exactly one architecture in it.

    Args:
        path: the file.
        imports: whether types ``module:Class`` may import their modules, which runs the code of
            those: see :func:`search_space.primitives.registry.class_named`.

    Raises:
        DescriptionError: no such file, or not one architecture.
    """
    data = read_yaml(path)
    if not isinstance(data, dict):
        raise DescriptionError(str(path), ["not an architecture: a mapping is needed"])
    stages = data.get("stages")
    if isinstance(stages, list) and any(isinstance(s, dict) and "blocks" in s for s in stages):
        return validate(Architecture, data, str(path), context={IMPORTS: imports})
    space = SearchSpace.from_mapping({"name": path.stem} | data, str(path), imports=imports)
    if space.size != 1:
        raise DescriptionError(
            str(path),
            [f"one architecture is needed, this describes {space.size:,}: leave nothing to choose"],
        )
    return next(space.architectures())
