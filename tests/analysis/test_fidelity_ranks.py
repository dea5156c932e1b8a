"""Rank correlations of cheap and dear evaluations."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fidelity.ranks import (
    RankCorrelation,
    compared,
    comparison_json,
    epoch_correlations,
    rank_correlation,
)
from tests.analysis.invented import candidate, evaluation


def test_known_ranks() -> None:
    assert rank_correlation([1, 2, 3], [10, 20, 90]) == pytest.approx((1, 1, 3))
    assert rank_correlation([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx((-1, -1, 4))
    # ten pairs, one of them in disorder; rank differences 0, 0, 0, 1, 1
    assert rank_correlation([1, 2, 3, 4, 5], [1, 2, 3, 5, 4]) == pytest.approx((0.8, 0.9, 5))
    # tau-b with one tie: (2 - 0) / sqrt(2 * 3)
    assert rank_correlation([1, 1, 2], [1, 2, 3]).kendall_tau == pytest.approx(2 / 6**0.5)
    assert rank_correlation([1, 1, 1], [1, 2, 3]) == RankCorrelation(None, None, 3)


@pytest.mark.parametrize("values", [([1, 2], [1, 2]), ([1, 2, 3], [1, 2])])
def test_too_few_are_refused(values: tuple[list[float], list[float]]) -> None:
    with pytest.raises(ValueError, match="3 pairs or more"):
        rank_correlation(*values)


def test_only_what_has_both_is_compared_the_best_in_full_first() -> None:
    proxies = [candidate(index, 0.5 + index / 100, 1000, n=2, deviation=0.02) for index in range(4)]
    full = [candidate(index, 0.8 + index / 100, test_accuracy=0.7) for index in (1, 3, 7)]
    pairs = compared({"found": proxies[:3], "plain": proxies[3:]}, full)
    assert [pair.kind for pair in pairs] == ["plain", "found"]
    assert [pair.full for pair in pairs] == [full[1], full[0]]
    assert [pair.proxy for pair in pairs] == [proxies[3], proxies[1]]
    first = comparison_json(pairs)[0]
    assert first["proxy_val_accuracy"] == 0.53
    assert first["proxy_standard_error"] == pytest.approx(0.02 / 2**0.5)
    assert first["full_val_accuracy"] == pytest.approx(0.83)
    assert (first["test_accuracy"], first["full_n"]) == (0.7, 1)


def test_curves_of_pruned_trials_and_missing_epochs_do_not_count() -> None:
    def row(index: int, early: float | None, last: float | None) -> object:
        curve = [{"epoch": 1, "val_accuracy": early}, {"epoch": 2, "val_accuracy": last}]
        return evaluation(index, last, curve=curve)

    rows = [row(0, 0.1, 0.5), row(1, 0.2, 0.6), row(2, 0.3, 0.7), row(3, 0.9, None)]
    rows.append(row(4, None, 0.9))
    assert epoch_correlations(rows, [1, 3]) == {1: pytest.approx((1, 1, 3))}  # type: ignore[arg-type]


def test_kendalls_interval_is_fishers() -> None:
    """By hand: n = 10, so arctanh(tau) +- 1.96 sqrt(.437 / 6)."""
    first, second = [float(n) for n in range(10)], [0.0, 3, 1, 2, 6, 4, 5, 9, 7, 8]
    correlation = rank_correlation(first, second)
    tau = correlation.kendall_tau
    assert tau is not None
    reach = 1.96 * (0.437 / 6) ** 0.5
    expected = tuple(np.tanh(np.arctanh(tau) + side * reach) for side in (-1, 1))
    assert correlation.kendall_interval == pytest.approx(expected)
    assert rank_correlation([1, 2, 3, 4], [1, 2, 4, 3]).kendall_interval is None  # too few
    assert rank_correlation(first, first).kendall_interval is None  # no spread to estimate
