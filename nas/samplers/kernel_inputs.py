"""The kernel's inputs: a candidate's choices as binary columns, its scaled costs, and its counts.

Layers of one kind are often parameters with the same choices. How many of them take each choice is
a count; numeric choices count by their mean rank. Two networks with the same counts resemble each
other though no layer has the same choice in both.

Legend: N candidates, F binary columns, m costs and counts, P parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from search_space.space.parameters import Choice, Parameter

FEWEST_ALIKE = 3
"""Parameters with the same choices, from which on counts are taken over them."""


class Inputs(NamedTuple):
    """The kernel's inputs of N candidates."""

    bits: np.ndarray  # [N, F], 0 and 1
    costs: np.ndarray  # [N, m], standardised, and then the counts, in standard deviations


class Encoder:
    """Makes :class:`Inputs` of vectors and costs.

    Args:
        parameters: the space's.
        cost_sample: costs ``[any, costs]`` of typical candidates, which standardise each cost. A
            cost whose samples are all positive enters by its logarithm; one whose samples are all
            equal is left out.

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
        self._counts = self._count_columns(parameters)
        self.costs = int(self._informative.sum()) + self._counts.shape[1]

    def __call__(self, vectors: np.ndarray, costs: np.ndarray) -> Inputs:
        """Encode vectors ``[N, P]``, -1 where inactive, and their costs ``[N, costs]``."""
        columns = zip(self._bits, vectors.T, strict=True)
        bits = np.concatenate([table[choices] for table, choices in columns], axis=1)
        kept = self._informative
        centred = (self._scaled(costs) - self._mean)[:, kept]
        return Inputs(bits, np.hstack([centred / self._deviation[kept], bits @ self._counts]))

    def _count_columns(self, parameters: Sequence[Parameter]) -> np.ndarray:
        """Return ``[F, counts]``, which maps bits to counts.

        A count's unit is its standard deviation where all combinations of choices are as likely.
        """
        alike: dict[str, list[int]] = {}
        for index, parameter in enumerate(parameters):
            alike.setdefault(repr(parameter.choices), []).append(index)
        columns = [np.empty((len(self.owner), 0))]
        for members in alike.values():
            number, choices = len(members), self.values[members[0]]
            if number < FEWEST_ALIKE or choices < 2:
                continue
            is_member = np.isin(self.owner, members)
            if self.ranked[members[0]]:
                ranks = (is_member & self.is_rank)[:, None]  # a rank is the sum of its bits
                columns.append(ranks / np.sqrt(number * (choices**2 - 1) / 12))
                continue
            column = np.zeros((len(self.owner), choices))
            for index in members:
                first = int(np.flatnonzero(self.owner == index)[0])
                column[first + 1 + np.arange(choices), np.arange(choices)] = 1
            columns.append(column * choices / np.sqrt(number * (choices - 1)))
        return np.hstack(columns)

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
