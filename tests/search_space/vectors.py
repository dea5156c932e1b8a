"""Every vector of a small space, repeats of an architecture included."""

from __future__ import annotations

import numpy as np

from search_space.space import SearchSpace
from search_space.space.parameters import Parameter


def walk_along(space: SearchSpace, prefix: tuple[int, ...]) -> tuple[np.ndarray, list[int]]:
    """Return the vector whose first active choices are ``prefix``, and each parameter's choices."""
    lengths: list[int] = []

    def choose(parameter: Parameter) -> int:
        lengths.append(len(parameter.choices))
        return prefix[len(lengths) - 1] if len(lengths) <= len(prefix) else 0

    return space.walk(choose), lengths


def all_vectors(space: SearchSpace) -> list[np.ndarray]:
    """Every vector of active choices, found by walking down all branches."""
    vectors: list[np.ndarray] = []
    todo: list[tuple[int, ...]] = [()]
    while todo:
        prefix = todo.pop()
        vector, lengths = walk_along(space, prefix)
        if len(lengths) > len(prefix):
            todo += [(*prefix, choice) for choice in range(lengths[len(prefix)])]
        else:
            vectors.append(vector)
    return vectors
