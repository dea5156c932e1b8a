"""Vectors of choice indices: which entries are active, and whether they are in range."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from search_space.space.parameters import INACTIVE, Parameter, condition_tables


class Vectors:
    """The vectors of a space: a choice's index for each parameter, -1 where it is inactive.

    Args:
        name: the space's, for messages.
        parameters: the space's, in order.

    Legend: N vectors, P parameters.
    """

    def __init__(self, name: str, parameters: Sequence[Parameter]) -> None:
        self._name = name
        self._parameters = parameters
        self._conditions = condition_tables(parameters)

    def unset(self) -> np.ndarray:
        """Return a vector in which every parameter is inactive."""
        return np.full(len(self._parameters), INACTIVE, dtype=np.int64)

    def walk(self, choose: Callable[[Parameter], int]) -> np.ndarray:
        """Ask ``choose`` for a choice's index of each active parameter, in order."""
        vector = self.unset()
        for index, parameter in enumerate(self._parameters):
            if _is_active(parameter, vector):
                vector[index] = choose(parameter)
        return vector

    def checked(self, vectors: np.ndarray) -> np.ndarray:
        """Return vectors ``[N, P]`` with -1 wherever a parameter is inactive.

        Raises:
            ValueError: not P columns, or an active entry out of its range.
        """
        vectors = np.array(vectors, dtype=np.int64)
        if vectors.ndim != 2 or vectors.shape[1] != len(self._parameters):
            raise ValueError(
                f"{self._name} has {len(self._parameters)} parameters, got an array of shape "
                f"{vectors.shape}"
            )
        for index, parameter in enumerate(self._parameters):
            column = vectors[:, index]
            active = np.ones(len(vectors), dtype=bool)
            for earlier, holds in self._conditions[index]:
                active &= holds[vectors[:, earlier]]
            wrong = active & ((column < 0) | (column >= len(parameter.choices)))
            if wrong.any():
                raise _out_of_range(parameter, int(column[wrong][0]))
            column[~active] = INACTIVE
        return vectors

    def checked_vector(self, vector: Sequence[int] | np.ndarray) -> list[int]:
        """Check one vector as :meth:`checked` does many, faster for one.

        Raises:
            ValueError: the wrong length, or an active entry out of its range.
        """
        point = [int(choice) for choice in vector]
        if len(point) != len(self._parameters):
            raise ValueError(
                f"{self._name} has {len(self._parameters)} parameters, got {len(point)}"
            )
        for index, parameter in enumerate(self._parameters):
            if not _is_active(parameter, point):
                point[index] = INACTIVE
            elif not 0 <= point[index] < len(parameter.choices):
                raise _out_of_range(parameter, point[index])
        return point


def _is_active(parameter: Parameter, vector: Sequence[int] | np.ndarray) -> bool:
    return all(vector[index] in allowed for index, allowed in parameter.conditions)


def _out_of_range(parameter: Parameter, got: int) -> ValueError:
    return ValueError(
        f"{parameter.name} must be an index below {len(parameter.choices)}, got {got}"
    )
