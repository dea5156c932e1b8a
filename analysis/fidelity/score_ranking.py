"""Rank correlations of untrained networks' scores with trained accuracies, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from rich import box
from rich.table import Table

from analysis.fidelity.ranks import RankCorrelation, rank_correlation
from analysis.front.table import NOTHING

RESAMPLES = 1000
CONFIDENCE = 0.95


class Bounds(NamedTuple):
    """The bounds of a confidence interval."""

    low: float
    high: float


class ScoreRanking(NamedTuple):
    """A score against accuracies of the same architectures."""

    name: str
    correlation: RankCorrelation
    kendall_bounds: Bounds | None  # None where there is no correlation
    spearman_bounds: Bounds | None
    score_ms: float | None  # processor time of one, median; None for what costs nothing

    def to_json(self) -> dict[str, Any]:
        """Return the ranking as plain data."""
        bounds = {"kendall_tau_95": self.kendall_bounds, "spearman_rho_95": self.spearman_bounds}
        return {
            "score": self.name,
            **self.correlation._asdict(),
            **{name: None if b is None else list(b) for name, b in bounds.items()},
            "score_ms": self.score_ms,
        }


def score_rankings(
    scores: Mapping[str, Sequence[float]],
    accuracies: Sequence[float],
    score_ms: Mapping[str, float],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[ScoreRanking]:
    """Return rank correlations of each score with accuracies, in the order of ``scores``.

    The 95 % intervals are percentiles over bootstrap resamples of the architectures, the same ones
    for every score.

    Args:
        scores: by name, ``[N]``, one an architecture; infinite ones rank first or last.
        accuracies: ``[N]``.
        score_ms: processor time of one by name, where it costs something.
        resamples: how many.
        seed: of the resamples.

    Raises:
        ValueError: fewer than three architectures.
    """
    from scipy.stats import rankdata  # noqa: PLC0415 (slow to import)

    count = len(accuracies)
    drawn = np.random.default_rng(seed).multinomial(count, [1 / count] * count, size=resamples)
    worth = rankdata(accuracies)
    rankings = []
    for name, values in scores.items():
        ranks = rankdata(values)
        correlation = rank_correlation(ranks, worth)
        taus, rhos = weighted_correlations(ranks, worth, drawn)
        times = score_ms.get(name)
        rankings.append(ScoreRanking(name, correlation, _bounds(taus), _bounds(rhos), times))
    return rankings


def weighted_correlations(
    first: np.ndarray, second: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return Kendall's tau-b and Spearman's rho ``[R]`` of samples with repetitions.

    Both follow from the signs of all differences: tau by their products, rho since what is above
    an architecture less what is below it is its rank, but for a constant and a factor.

    Args:
        first: ``[N]``, finite.
        second: ``[N]``, finite.
        counts: ``[R, N]``, how often each architecture is in each sample.

    Returns:
        NaN where all of a sample are equal.
    """
    weights = counts.astype(float)
    signs = [np.sign(values[:, None] - values[None]) for values in (first, second)]

    def correlation(products: list[np.ndarray]) -> np.ndarray:
        both, one, other = products
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(both / np.sqrt(one * other))

    a, b = signs
    pairs = [np.einsum("rn,rn->r", weights @ part, weights) for part in (a * b, a * a, b * b)]
    p, q = (weights @ part for part in signs)
    ranks = [np.einsum("rn,rn->r", part, weights) for part in (p * q, p * p, q * q)]
    return correlation(pairs), correlation(ranks)


def ranking_table(title: str, rankings: Sequence[ScoreRanking]) -> Table:
    """Return a row for each score, for the terminal."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("score", no_wrap=True)
    for heading in ("Spearman", "95 %", "Kendall", "95 %", "ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    for ranking in rankings:
        table.add_row(
            ranking.name,
            _shown(ranking.correlation.spearman_rho),
            _interval(ranking.spearman_bounds),
            _shown(ranking.correlation.kendall_tau),
            _interval(ranking.kendall_bounds),
            NOTHING if ranking.score_ms is None else f"{ranking.score_ms:.1f}",
        )
    return table


def _bounds(values: np.ndarray) -> Bounds | None:
    """Return the percentiles of the values that are numbers."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return Bounds(float(low), float(high))


def _shown(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def _interval(bounds: Bounds | None) -> str:
    return NOTHING if bounds is None else f"{bounds.low:.3f} to {bounds.high:.3f}"
