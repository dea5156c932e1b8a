"""Hypervolume and regret of a replay by evaluations, and confidence intervals over seeds.

Legend: K evaluations in order, S seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import moocore
import numpy as np
from scipy import stats

from nas.benchmark.table import BenchmarkTable, TableError
from nas.evaluation.deviations import standard_error
from nas.evaluation.finite_values import check_all_finite

WORST_PERCENTILE = 95
CONFIDENCE = 0.95


class Score:
    """Measure evaluations against the table's best.

    Losses (the negated maximised value, and the cost) are scaled so that 0 is the least over all
    rows and 1 their 95th percentile. The hypervolume's reference point is (1, 1); it is a share of
    the true front's.

    Args:
        table: the benchmark.

    Raises:
        TableError: 95 % of the rows or more have the least value, or no row is better than the
            point (1, 1).
    """

    def __init__(self, table: BenchmarkTable) -> None:
        self.best = float(table.maximised.max())
        self._low = table.losses.min(axis=0)
        self._extent = np.percentile(table.losses, WORST_PERCENTILE, axis=0) - self._low
        for extent, what in zip(
            self._extent, (table.maximised_name, table.minimised_name), strict=True
        ):
            if extent <= 0:
                raise TableError(
                    f"{table.name}: {what} cannot be scaled: {WORST_PERCENTILE} % of the rows or "
                    "more have its best value"
                )
        self._whole = _volume(self._scaled(table.losses))
        if self._whole <= 0:
            worth, cost = (self._low + self._extent) * (-1, 1) + 0.0  # no negative zero
            raise TableError(
                f"{table.name}: no row is better than the reference point, {worth:g} of "
                f"{table.maximised_name} and {cost:g} of {table.minimised_name}: the values "
                f"that {WORST_PERCENTILE} % of the rows are at least as good as"
            )

    def hypervolumes(self, evaluations: np.ndarray) -> np.ndarray:
        """Return ``[K]``, the share (0 to 1) of the true front's hypervolume after each evaluation.

        Args:
            evaluations: ``[K, 2]``, (maximised, minimised) in order.

        Raises:
            ValueError: a value is not finite.
        """
        scaled = self._scaled(_finite(evaluations) * (-1, 1))
        shares = np.zeros(len(scaled))
        front = np.empty((0, 2))
        share = 0.0
        for index, point in enumerate(scaled):
            if (point < 1).all() and not (front <= point).all(axis=1).any():
                front = np.vstack([front[~(front >= point).all(axis=1)], point])
                share = _volume(front) / self._whole
            shares[index] = share
        return shares

    def regrets(self, evaluations: np.ndarray) -> np.ndarray:
        """Return ``[K]``, the table's best maximised value minus the best so far.

        Args:
            evaluations: ``[K, 2]``, (maximised, minimised) in order.

        Raises:
            ValueError: a value is not finite.
        """
        return self.best - np.maximum.accumulate(_finite(evaluations)[:, 0])

    def _scaled(self, losses: np.ndarray) -> np.ndarray:
        return (losses - self._low) / self._extent


class Interval(NamedTuple):
    """A mean and the half width of its confidence interval, which is None for one seed."""

    mean: float
    half_width: float | None


def interval(values: Sequence[float] | np.ndarray) -> Interval:
    """Return the mean over seeds with its 95 % confidence interval, by Student's t distribution.

    Args:
        values: ``[S]``, one for each seed.

    Raises:
        ValueError: there is no value.
    """
    if not len(values):
        raise ValueError("a mean needs a value or more, got none")
    mean = float(np.mean(values))
    error = standard_error(values)
    if error is None:
        return Interval(mean, None)
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)
    return Interval(mean, float(quantile * error))


def _finite(evaluations: np.ndarray) -> np.ndarray:
    """Return ``[K, 2]`` of floats, checked to be finite; K may be 0."""
    values = np.asarray(evaluations, dtype=float)
    check_all_finite(values, "evaluations")
    return values.reshape(-1, 2)


def _volume(scaled: np.ndarray) -> float:
    return float(moocore.hypervolume(scaled, ref=[1.0, 1.0]))
