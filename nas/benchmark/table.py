"""A tabular benchmark: every architecture of a space with the result of its training."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from math import inf, isfinite

import numpy as np

from nas.samplers.choice_space import Candidate, ChoiceSpace
from nas.samplers.known_costs import CostFunctions
from nas.samplers.prior_scores import ScoreSource
from nas.samplers.product_space import ProductSpace

MEAN_SECONDS = 3600.0
"""The mean training time where a table has none: an hour of simulated time."""


class TableError(ValueError):
    """A table cannot be read or is not as its command says; the message has the place."""


class BenchmarkTable:
    """The rows of a benchmark; an architecture's number is its row.

    Legend: N rows, E evaluated epochs, T trainings a row.

    Args:
        name: for titles and messages.
        rows: the N architectures, as candidates of ``space``.
        space: what samplers choose from; ``rows`` are its candidates.
        maximised: ``[N]``, the training's result; more is better.
        minimised: ``[N]``, the cost that is known without training; less is better.
        maximised_name: the name of ``maximised``, with its unit.
        minimised_name: the name of ``minimised``, with its unit.
        more_costs: further known costs by name, each ``[N]``, that are no objectives.
        seconds: ``[N]``, the training times; None for times in proportion to ``minimised``, an hour
            on average.
        epochs: the E evaluated epochs, ascending, the last one the training's end; empty if the
            table has no curves.
        curves: ``[N, E]``, ``maximised`` at each evaluated epoch.
        scores: further figures of architectures, which samplers may ask for by name.
        trainings: ``[N, T]``, the results whose mean is ``maximised``; None if only that is known.

    Raises:
        TableError: there are fewer than two rows, a row is repeated, a figure is not finite or the
            same in all rows, or a time is not positive.
    """

    def __init__(
        self,
        name: str,
        *,
        rows: Sequence[Candidate],
        space: ChoiceSpace,
        maximised: np.ndarray,
        minimised: np.ndarray,
        maximised_name: str,
        minimised_name: str,
        more_costs: Mapping[str, np.ndarray] | None = None,
        seconds: np.ndarray | None = None,
        epochs: Sequence[int] = (),
        curves: np.ndarray | None = None,
        scores: ScoreSource | None = None,
        trainings: np.ndarray | None = None,
    ) -> None:
        self.name = name
        self.rows = list(rows)
        self.space = space
        self.maximised = np.asarray(maximised, dtype=float)
        self.minimised = np.asarray(minimised, dtype=float)
        self.maximised_name = maximised_name
        self.minimised_name = minimised_name
        self.more_costs = dict(more_costs or {})
        self.scores = scores
        self.trainings = self.maximised[:, None] if trainings is None else np.asarray(trainings)
        self.epochs = tuple(epochs)
        self.curves = np.empty((len(self.rows), 0)) if curves is None else np.asarray(curves)
        assert self.curves.shape == (len(self.rows), len(self.epochs))
        self.index: dict[Candidate, int] = {row: number for number, row in enumerate(self.rows)}
        self._check()
        self.has_seconds = seconds is not None
        self.seconds = self._seconds(seconds)

    @property
    def objectives(self) -> tuple[str, str]:
        """The names of the maximised and the minimised figure."""
        return self.maximised_name, self.minimised_name

    @property
    def point(self) -> float:
        """A percentage point in the unit of ``maximised``: 0.01 if all rows are from 0 to 1."""
        return 0.01 if 0 <= self.maximised.min() <= self.maximised.max() <= 1 else 1.0

    @property
    def losses(self) -> np.ndarray:
        """``[N, 2]``, less is better: ``-maximised`` and ``minimised``."""
        return np.stack([-self.maximised, self.minimised], axis=1)

    def with_results(self, maximised: np.ndarray, curves: np.ndarray) -> BenchmarkTable:
        """Return the table whose trainings had other results; all else is the same.

        Args:
            maximised: ``[N]``.
            curves: ``[N, E]``.
        """
        other = copy.copy(self)
        other.maximised, other.curves = maximised, curves
        return other

    @cached_property
    def costs(self) -> CostFunctions:
        """The costs of every row, which samplers know."""
        columns = {self.minimised_name: self.minimised, **self.more_costs}
        by_row = {
            name: dict(zip(self.rows, column.tolist(), strict=True))
            for name, column in columns.items()
        }
        return CostFunctions(
            self.space, {name: column.__getitem__ for name, column in by_row.items()}
        )

    def check_clock(self) -> None:
        """Raise if the times of trainings are unknown.

        Raises:
            TableError: the table has no times, and they cannot be in proportion to a cost of zero
                or less.
        """
        if not self.has_seconds and self.minimised.min() <= 0:
            raise TableError(
                f"{self.name}: times in proportion to {self.minimised_name} need it to be "
                f"positive, got {self.minimised.min():g}; name a column of seconds"
            )

    def _seconds(self, seconds: np.ndarray | None) -> np.ndarray:
        if seconds is None:
            if self.minimised.min() <= 0:
                return np.full(len(self.rows), MEAN_SECONDS)  # only the order matters
            return MEAN_SECONDS * self.minimised / self.minimised.mean()
        if not np.isfinite(seconds).all() or seconds.min() <= 0:
            raise TableError(f"{self.name}: training seconds must be positive numbers")
        return np.asarray(seconds, dtype=float)

    def _check(self) -> None:
        if len(self.rows) < 2:
            raise TableError(
                f"{self.name}: a benchmark needs two rows or more, got {len(self.rows)}"
            )
        if len(self.index) < len(self.rows):
            twice = next(row for place, row in enumerate(self.rows) if self.index[row] != place)
            raise TableError(f"{self.name}: two rows are the same architecture, {twice}")
        objectives = {self.maximised_name: self.maximised, self.minimised_name: self.minimised}
        curves = {
            f"{self.maximised_name} after epoch {epoch}": column
            for epoch, column in zip(self.epochs, self.curves.T, strict=True)
        }
        for what, column in (objectives | self.more_costs | curves).items():
            if not np.isfinite(column).all():
                row = int(np.flatnonzero(~np.isfinite(column))[0]) + 1
                raise TableError(f"{self.name}: row {row}: {what} must be finite")
        for what, column in objectives.items():
            if column.min() == column.max():
                raise TableError(f"{self.name}: {what} is {column[0]:g} in every row")


def space_of_rows(
    name: str, choices: Sequence[str], rows: Sequence[tuple[str, ...]]
) -> ProductSpace:
    """Return the space of the columns' values whose only candidates are ``rows``, in this order."""
    values = {
        choice: _ordered({row[column] for row in rows}) for column, choice in enumerate(choices)
    }
    return ProductSpace(name, values, rows)


def in_order(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Sort rows by their values, so that their order in the file does not matter."""
    ranks = {value: rank for rank, value in enumerate(_ordered(set(chain.from_iterable(rows))))}
    return sorted(rows, key=lambda row: [ranks[value] for value in row])


def _ordered(values: Iterable[str]) -> list[str]:
    """Sort values: numbers first, by size."""
    return sorted(values, key=lambda value: (_number(value), value))


def _number(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        return inf
    return number if isfinite(number) else inf
