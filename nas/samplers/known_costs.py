"""Known costs by plain functions, to use the samplers on spaces of any kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from nas.evaluation.finite_values import check_finite
from nas.samplers.choice_space import Candidate, ChoiceSpace


class CostFunctions:
    """The known costs that functions of a candidate compute.

    Args:
        space: whose candidates these are.
        functions: by the cost's name; each is called once for each candidate.
    """

    def __init__(
        self, space: ChoiceSpace, functions: Mapping[str, Callable[[Candidate], float]]
    ) -> None:
        self.space = space
        self.names = tuple(functions)
        self._functions = dict(functions)
        self._known: dict[bytes, list[float]] = {}

    def of(self, architecture: Candidate) -> dict[str, float]:
        """Return the costs of one candidate by name.

        Raises:
            ValueError: a cost is not finite.
        """
        costs = {name: float(cost(architecture)) for name, cost in self._functions.items()}
        check_finite(costs, f"the known costs of {architecture}")
        return costs

    def columns(self, vectors: np.ndarray) -> np.ndarray:
        """Return the costs ``[N, names]`` of vectors ``[N, P]``.

        Raises:
            ValueError: a vector is that of no candidate, or a cost is not finite.
        """
        vectors = np.ascontiguousarray(vectors, dtype=np.int64)
        rows = []
        for vector in vectors:
            key = vector.tobytes()
            if key not in self._known:
                self._known[key] = list(self.of(self.space.decode(vector)).values())
            rows.append(self._known[key])
        return np.array(rows, dtype=float).reshape(len(vectors), len(self.names))
