"""A run's evaluations as the surrogate model takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from analysis.accuracy_model.model import Evaluated
from analysis.accuracy_model.scales import Scale
from nas.evaluation.finite_values import check_all_finite
from nas.metrics import COUNTS
from nas.storage.evaluation import Evaluation
from search_space.architecture import Architecture


class TooFewError(ValueError):
    """A run has too few evaluated architectures; the message says how many it takes."""


def by_architecture(evaluations: Iterable[Evaluation]) -> dict[Architecture, list[Evaluation]]:
    """Return the complete evaluations of each architecture, in the order of the first ones."""
    grouped: dict[Architecture, list[Evaluation]] = {}
    for row in evaluations:
        if row.state == "complete" and "val_accuracy" in row.metrics:
            grouped.setdefault(row.architecture, []).append(row)
    return grouped


def evaluated_of(
    grouped: Sequence[Sequence[Evaluation]],
    encode: Callable[[Architecture], np.ndarray],
    scale: Scale,
) -> Evaluated:
    """Return the means of evaluations in a scale of accuracy.

    Args:
        grouped: the evaluations of each architecture, one or more.
        encode: the space's.
        scale: of :mod:`analysis.accuracy_model.scales`.

    Raises:
        ValueError: an accuracy is not finite, or an architecture is not one of the space.
    """
    accuracies = [np.array([row.metrics["val_accuracy"] for row in rows]) for rows in grouped]
    for each in accuracies:
        check_all_finite(each, "accuracies")
    return Evaluated(
        np.array([encode(rows[0].architecture) for rows in grouped]),
        np.array([[rows[0].metrics[name] for name in COUNTS] for rows in grouped], dtype=float),
        np.array([scale(each).mean() for each in accuracies]),
        np.array([len(each) for each in accuracies]),
    )
