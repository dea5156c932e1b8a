"""The parameters of a search space: named choices, some of which exist only under conditions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Choice = bool | int | float | str

INACTIVE = -1
"""The entry in a vector of a parameter that is inactive, beside the indices of choices."""

Conditions = tuple[tuple[int, frozenset[int]], ...]
"""Earlier parameters (by index), each with the choices of it that must hold."""


class Parameter(NamedTuple):
    """A categorical parameter of a search space; it is active where every condition holds."""

    name: str
    choices: tuple[Choice, ...]
    conditions: Conditions


def condition_tables(parameters: Sequence[Parameter]) -> list[list[tuple[int, np.ndarray]]]:
    """Return each parameter's conditions as pairs of an earlier parameter and a table.

    A condition holds where ``table[vectors[:, earlier]]`` is True. A table is bool
    ``[choices + 1]``; the last is False and stands for -1, an inactive parameter.
    """
    tables: list[list[tuple[int, np.ndarray]]] = []
    for parameter in parameters:
        tables.append([])
        for earlier, allowed in parameter.conditions:
            holds = np.zeros(len(parameters[earlier].choices) + 1, dtype=bool)
            holds[list(allowed)] = True
            tables[-1].append((earlier, holds))
    return tables


class ParameterList:
    """The parameters of a space under construction, in order."""

    def __init__(self) -> None:
        self.parameters: list[Parameter] = []

    def add(
        self,
        name: str,
        choices: Sequence[Choice],
        conditions: Conditions = (),
    ) -> int | None:
        """Add a parameter and return its index; None where a single choice leaves no parameter."""
        if len(choices) == 1:
            return None
        self.parameters.append(Parameter(name, tuple(choices), conditions))
        return len(self.parameters) - 1
