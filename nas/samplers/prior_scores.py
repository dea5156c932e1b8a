"""Scores of candidates as further inputs of a surrogate, such as those of untrained networks.

A score is cheaper than a training. The surrogate sees scores beside the costs, and its fit decides
how much they say, if anything. Legend: N candidates, P parameters, s scores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from scipy.special import ndtri

from nas.samplers.choice_space import Candidate, ChoiceSpace
from nas.samplers.kernel_inputs import Encoder, Inputs
from search_space.space.parameters import Parameter


class PriorScores(Protocol):
    """Scores that are computed for one candidate at a time, such as :mod:`nas.zero_cost` has."""

    @property
    def names(self) -> Sequence[str]:
        """The scores' names."""

    def of(self, architecture: Candidate) -> Mapping[str, float]:
        """Return the scores of one candidate by name; infinite ones rank first or last."""


ScoreSource = Callable[[Sequence[str]], PriorScores]
"""Maps names to scores; raises ValueError if there is no such score."""


class ScoreColumns:
    """Compute the scores of vectors, once for each candidate.

    Args:
        space: whose candidates these are.
        scores: computes those of one candidate.
    """

    def __init__(self, space: ChoiceSpace, scores: PriorScores) -> None:
        self._space, self._scores = space, scores
        self._known: dict[bytes, list[float]] = {}

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Return the scores ``[N, s]`` of vectors ``[N, P]``.

        Raises:
            ValueError: a score is not a number; the message has the candidate's vector.
        """
        names = self._scores.names
        rows = []
        for vector in vectors:
            key = vector.tobytes()
            if key not in self._known:
                figures = self._scores.of(self._space.decode(vector))
                self._known[key] = [float(figures[name]) for name in names]
                if np.isnan(self._known[key]).any():
                    raise ValueError(f"{', '.join(names)} of {vector}: not a number")
            rows.append(self._known[key])
        return np.array(rows, dtype=float).reshape(len(vectors), len(names))


class ScoredEncoder(Encoder):
    """An encoder with scores as further columns beside the costs.

    Scores have any sign and scale. So each enters by its rank in a sample, as a quantile of the
    standard normal distribution.

    Args:
        parameters: see :class:`Encoder`.
        cost_sample: see :class:`Encoder`.
        columns: computes the scores of vectors.
        sample: vectors ``[any, P]`` of typical candidates, among which scores are ranked.
    """

    def __init__(
        self,
        parameters: Sequence[Parameter],
        cost_sample: np.ndarray,
        columns: ScoreColumns,
        sample: np.ndarray,
    ) -> None:
        super().__init__(parameters, cost_sample)
        self._columns = columns
        self._sorted = np.sort(columns(sample), axis=0)
        self.costs += self._sorted.shape[1]

    def __call__(self, vectors: np.ndarray, costs: np.ndarray) -> Inputs:
        """See :meth:`Encoder.__call__`."""
        plain = super().__call__(vectors, costs)
        return Inputs(plain.bits, np.hstack([plain.costs, self._quantiles(self._columns(vectors))]))

    def _quantiles(self, scores: np.ndarray) -> np.ndarray:
        below = [
            np.searchsorted(known, column, side="left") + np.searchsorted(known, column, "right")
            for known, column in zip(self._sorted.T, scores.T, strict=True)
        ]
        shares = (np.array(below, dtype=float).T / 2 + 0.5) / (len(self._sorted) + 1)
        return np.asarray(ndtri(shares)).reshape(scores.shape)
