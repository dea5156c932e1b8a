"""Deviations of validation accuracy: from seed to seed, and between architectures."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

import numpy as np

from nas.evaluation.deviations import standard_deviation
from nas.evaluation.finite_values import check_all_finite
from nas.storage.evaluation import Evaluation
from search_space.architecture import Architecture


class SeedNoise(NamedTuple):
    """The deviation of val_accuracy from seed to seed of one architecture."""

    deviation: float  # pooled over architectures, as a fraction
    degrees_of_freedom: int
    architectures: int


def seed_noise(
    evaluations: Iterable[Evaluation], random_sample: Collection[Architecture]
) -> SeedNoise | None:
    """Return the pooled standard deviation of val_accuracy between evaluations of one architecture.

    It is ``sqrt(sum_i df_i s_i^2 / sum_i df_i)``, where ``s_i`` is the standard deviation between
    the ``df_i + 1`` evaluations of architecture i. Variances are pooled because their mean is
    unbiased however few evaluations each architecture has; a deviation of two or three evaluations
    is too small on average, and the median of such deviations smaller still (0.83 of the true one
    for three evaluations with normal noise).

    The search's own evaluation of a finalist counts only if the finalist is in the random sample:
    the others were chosen for a high one, and values that were selected do not vary as random ones
    do. Whether an architecture is evaluated again does not depend on its fresh evaluations.

    Args:
        evaluations: the search's own, its repeats, in any order.
        random_sample: architectures that were drawn whatever their accuracies, see
            :func:`nas.search.repeats.random_sample`.

    Returns:
        None if no architecture has two evaluations that count.
    """
    return pooled_deviation(unselected(evaluations, random_sample))


def unselected(
    evaluations: Iterable[Evaluation], random_sample: Collection[Architecture]
) -> list[np.ndarray]:
    """Return each architecture's val_accuracy where it did not choose the architecture.

    Arguments are those of :func:`seed_noise`.

    Returns:
        Arrays ``[n_i]``, one for each architecture that has such an evaluation.
    """
    accuracies: dict[Architecture, list[float]] = {}
    for row in evaluations:
        is_selected = row.kind == "search" and row.architecture not in random_sample
        if row.state == "complete" and not is_selected:
            accuracies.setdefault(row.architecture, []).append(row.metrics["val_accuracy"])
    return [np.array(each) for each in accuracies.values()]


def pooled_deviation(groups: Iterable[np.ndarray]) -> SeedNoise | None:
    """Pool the deviations of arrays ``[n_i]``, the evaluations of one architecture each.

    Returns:
        None if no array has two values.

    Raises:
        ValueError: a value is not finite.
    """
    squares, freedom, count = 0.0, 0, 0
    for group in groups:
        if len(group) < 2:
            continue
        check_all_finite(group, "accuracies")
        squares += float(((group - group.mean()) ** 2).sum())
        freedom += len(group) - 1
        count += 1
    return SeedNoise((squares / freedom) ** 0.5, freedom, count) if freedom else None


def spread(evaluations: Iterable[Evaluation]) -> float | None:
    """Return the standard deviation of val_accuracy between architectures, as a fraction.

    It is taken (n - 1) over the first complete evaluation of each architecture; None for fewer
    than two. One evaluation each, because means over repeats, which only finalists have,
    carry less noise than the others and would be compared with them. It holds the noise of one
    evaluation beside the differences between architectures.

    Args:
        evaluations: a search's own, in the ledger's order; its repeats may follow.
    """
    return standard_deviation(_first_accuracies(evaluations))


def quartile_range(evaluations: Iterable[Evaluation]) -> float | None:
    """Return :func:`spread` as interquartile range, which a few collapsed networks do not widen."""
    first = _first_accuracies(evaluations)
    return float(np.subtract(*np.percentile(first, [75, 25]))) if len(first) > 1 else None


def _first_accuracies(evaluations: Iterable[Evaluation]) -> list[float]:
    first: dict[str, float] = {}
    for evaluation in evaluations:
        if evaluation.state == "complete" and "val_accuracy" in evaluation.metrics:
            first.setdefault(evaluation.arch_id, evaluation.metrics["val_accuracy"])
    return list(first.values())
