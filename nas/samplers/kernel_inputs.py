"""The kernel's inputs: a candidate's choices as binary columns, and its scaled costs.

Legend: N candidates, F binary columns, m costs, P parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from search_space.space.parameters import Choice, Parameter


class Inputs(NamedTuple):
    """The kernel's inputs of N candidates."""

    bits: np.ndarray  # [N, F], 0 and 1
    costs: np.ndarray  # [N, m], standardised


class Encoder:
    """Makes :class:`Inputs` of vectors and costs.

    Args:
        parameters: the space's.
        cost_sample: costs ``[any, m]`` of typical candidates, which standardise each cost. A cost
            whose samples are all positive enters by its logarithm; one whose samples are all equal
            is left out.

    Raises:
        ValueError: a cost is not finite.
    """

    def __init__(self, parameters: Sequence[Parameter], cost_sample: np.ndarray) -> None:
        self.values = [len(parameter.choices) for parameter in parameters]
        numbers = [_as_numbers(parameter.choices) for parameter in parameters]
        self.ranked = [len(each) > 2 for each in numbers]
        self._bits = [
            _bits_of(count, each if ranked else [])
            for count, each, ranked in zip(self.values, numbers, self.ranked, strict=True)
        ]
        if not np.isfinite(cost_sample).all():
            raise ValueError("known costs must be finite numbers")
        self._by_logarithm = (cost_sample > 0).all(axis=0)
        scaled = self._scaled(cost_sample)
        self._informative = np.ptp(scaled, axis=0) > 0
        self.costs = int(self._informative.sum())
        self._mean, self._deviation = scaled.mean(axis=0), scaled.std(axis=0)
        owner, is_rank, share = [], [], []
        for index, (count, ranked) in enumerate(zip(self.values, self.ranked, strict=True)):
            owner += [index] * (count + 1)  # the first is for an inactive parameter
            is_rank += [False] * (count + 1)
            share += [0.5] * (count + 1)  # two bits differ where choices do
            if ranked:
                owner += [index] * (count - 1)
                is_rank += [True] * (count - 1)
                share += [1 / (count - 1)] * (count - 1)
        self.owner = np.array(owner)  # [F]: the parameter of each bit
        self.is_rank = np.array(is_rank)
        self.share = np.array(share)  # of each bit in its parameter's distance

    def __call__(self, vectors: np.ndarray, costs: np.ndarray) -> Inputs:
        """Encode vectors ``[N, P]``, -1 where inactive, and their costs ``[N, m]``."""
        columns = zip(self._bits, vectors.T, strict=True)
        bits = np.concatenate([table[choices] for table, choices in columns], axis=1)
        kept = self._informative
        centred = (self._scaled(costs) - self._mean)[:, kept]
        return Inputs(bits, centred / self._deviation[kept])

    def _scaled(self, costs: np.ndarray) -> np.ndarray:
        logarithms = np.log(np.maximum(costs, np.finfo(float).tiny))
        return np.where(self._by_logarithm, logarithms, costs)


def _bits_of(count: int, numbers: Sequence[float]) -> np.ndarray:
    """Return the bits of each of ``count`` choices, and of an inactive parameter as the last row.

    The first bits are one-hot, the others the rank's unary code, if there are ``numbers``.
    """
    which = np.roll(np.eye(count + 1), 1, axis=1)  # the first bit: inactive
    if not len(numbers):
        return which
    ranks = np.append(np.argsort(np.argsort(numbers)), -1)
    return np.concatenate([which, ranks[:, None] >= np.arange(1, count)], axis=1)


def _as_numbers(choices: Sequence[Choice]) -> list[float]:
    """Return the choices as numbers, also those that are text; empty if one is no number."""
    try:
        numbers = [float(c) for c in choices if not isinstance(c, bool)]
    except ValueError:
        return []
    whole = len(numbers) == len(choices) and bool(np.isfinite(numbers).all())
    return numbers if whole else []
