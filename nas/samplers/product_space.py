"""A space of named choices, to use the samplers on spaces of any kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from math import prod

import numpy as np

from search_space.space.parameters import Choice, Parameter

Row = tuple[Choice, ...]


class ProductSpace:
    """Every combination of named choices, or those combinations that ``rows`` lists.

    A candidate is a tuple of values, in the order of ``choices``. A table's rows, where they are
    not all combinations, are given as ``rows``.

    Args:
        name: for messages.
        choices: each parameter's values, distinct.
        rows: the candidates; None for all combinations.

    Raises:
        ValueError: there are no choices; a parameter has no values, or one twice; or a row is
            listed twice, is too short or long, or has a value that is no choice.
    """

    sampled_over = "rows of the table"

    def __init__(
        self,
        name: str,
        choices: Mapping[str, Sequence[Choice]],
        rows: Iterable[Row] | None = None,
    ) -> None:
        if not choices:
            raise ValueError(f"{name}: a space needs at least one parameter")
        self.name = name
        self.parameters = tuple(
            Parameter(key, tuple(values), ()) for key, values in choices.items()
        )
        self._indices: list[dict[Choice, int]] = []
        for parameter in self.parameters:
            indices = {value: index for index, value in enumerate(parameter.choices)}
            if not indices or len(indices) < len(parameter.choices):
                raise ValueError(
                    f"{name}: {parameter.name} needs distinct values, got {parameter.choices}"
                )
            self._indices.append(indices)
        self._rows: list[Row] | None = None
        self._members: frozenset[Row] = frozenset()
        if rows is not None:
            self._rows = [self._checked_row(tuple(row)) for row in rows]
            self._members = frozenset(self._rows)
            if not self._rows or len(self._members) < len(self._rows):
                raise ValueError(f"{name}: rows must be distinct and at least one")

    @property
    def size(self) -> int:
        """The number of candidates."""
        if self._rows is not None:
            return len(self._rows)
        return prod(len(parameter.choices) for parameter in self.parameters)

    @property
    def is_irregular(self) -> bool:
        """Whether some combinations are missing."""
        return self._rows is not None and len(self._rows) < prod(
            len(parameter.choices) for parameter in self.parameters
        )

    def contains(self, architecture: Row) -> bool:
        """Return whether this is one of the space's candidates."""
        if self._rows is not None:
            return architecture in self._members
        return len(architecture) == len(self._indices) and all(
            value in indices for value, indices in zip(architecture, self._indices, strict=True)
        )

    def sample(self, rng: np.random.Generator) -> Row:
        """Draw a candidate, each as likely as another."""
        if self._rows is not None:
            return self._rows[rng.integers(len(self._rows))]
        return self.decode(self.walk(lambda parameter: int(rng.integers(len(parameter.choices)))))

    def sample_architectures(self, rng: np.random.Generator) -> Row:
        """Draw as :meth:`sample` does: each combination or row is one architecture."""
        return self.sample(rng)

    def walk(self, choose: Callable[[Parameter], int]) -> np.ndarray:
        """Return the vector ``[P]`` of the indices that ``choose`` gives for the parameters."""
        return np.array([choose(parameter) for parameter in self.parameters], dtype=np.int64)

    def encode(self, architecture: Row) -> np.ndarray:
        """Return the choices' indices ``[P]``.

        Raises:
            ValueError: it is no candidate of this space.
        """
        if not self.contains(architecture):
            raise ValueError(f"{self.name} holds no {architecture!r}")
        pairs = zip(architecture, self._indices, strict=True)
        return np.array([indices[value] for value, indices in pairs], dtype=np.int64)

    def decode(self, vector: Sequence[int] | np.ndarray) -> Row:
        """Return the candidate of a vector.

        Raises:
            ValueError: the length is wrong, an index is out of range, or it is no row of the space.
        """
        checked = self.checked(np.asarray(vector)[None])[0]
        row = tuple(p.choices[i] for p, i in zip(self.parameters, checked, strict=True))
        if not self.contains(row):
            raise ValueError(f"{self.name} holds no {row!r}")
        return row

    def checked(self, vectors: np.ndarray) -> np.ndarray:
        """Return the vectors ``[N, P]`` as int64.

        Raises:
            ValueError: the number of columns is not P, or an index is out of range.
        """
        vectors = np.array(vectors, dtype=np.int64)
        if vectors.ndim != 2 or vectors.shape[1] != len(self.parameters):
            raise ValueError(
                f"{self.name} has {len(self.parameters)} parameters, got an array of shape "
                f"{vectors.shape}"
            )
        for parameter, column in zip(self.parameters, vectors.T, strict=True):
            if len(column) and not 0 <= column.min() <= column.max() < len(parameter.choices):
                raise ValueError(
                    f"{parameter.name} must be an index below {len(parameter.choices)}, got "
                    f"{column.min()} to {column.max()}"
                )
        return vectors

    def changes(self, architecture: Row) -> dict[str, list[Row]]:
        """For each parameter, return the candidates that differ in it alone."""
        changed = {}
        for index, parameter in enumerate(self.parameters):
            near = [
                (*architecture[:index], value, *architecture[index + 1 :])
                for value in parameter.choices
                if value != architecture[index]
            ]
            changed[parameter.name] = [row for row in near if self.contains(row)]
        return changed

    def architectures(self) -> Iterator[Row]:
        """Iterate over every candidate."""
        if self._rows is not None:
            return iter(self._rows)
        return product(*(parameter.choices for parameter in self.parameters))

    def params_of(self, architecture: Row) -> dict[str, Choice]:
        """Return the values by name."""
        names = (parameter.name for parameter in self.parameters)
        return dict(zip(names, architecture, strict=True))

    def from_params(self, params: Mapping[str, Choice]) -> Row:
        """Return the candidate with these values.

        Raises:
            ValueError: a parameter is missing, or the space holds no such candidate.
        """
        missing = [p.name for p in self.parameters if p.name not in params]
        if missing:
            raise ValueError(f"{self.name}: parameter {missing[0]} is missing")
        row = tuple(params[parameter.name] for parameter in self.parameters)
        if not self.contains(row):
            raise ValueError(f"{self.name} holds no {row!r}")
        return row

    def _checked_row(self, row: Row) -> Row:
        if len(row) != len(self._indices):
            raise ValueError(f"{self.name}: a row has {len(self._indices)} values, got {row!r}")
        for value, parameter, indices in zip(row, self.parameters, self._indices, strict=True):
            if value not in indices:
                raise ValueError(f"{self.name}: {value!r} is no choice of {parameter.name}")
        return row
