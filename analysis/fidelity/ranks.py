"""Rank correlations of a cheap evaluation of architectures with a dearer one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from nas.evaluation.finite_values import check_all_finite
from nas.evaluation.metric_names import MetricNames
from nas.storage.candidates import Candidate
from nas.storage.evaluation import Evaluation

LEAST_RANKED = 3
"""The fewest architectures of which a rank correlation says anything."""


FISHER_VARIANCE, FISHER_LOST, NORMAL_95 = 0.437, 4, 1.96


class RankCorrelation(NamedTuple):
    """The correlation of two rankings of architectures; 1 is one order, -1 opposite orders."""

    kendall_tau: float | None  # tau-b, which allows for ties; None where all of one are equal
    spearman_rho: float | None
    n: int

    @property
    def kendall_interval(self) -> tuple[float, float] | None:
        """The 95 % interval of Kendall's tau by Fisher's transform; None below five and at ±1.

        Its variance there is 0.437 / (n - 4) (Fieller, Hartley and Pearson 1957).
        """
        tau = self.kendall_tau
        if tau is None or self.n <= FISHER_LOST or 1 - abs(tau) < 1e-9:
            return None
        reach = NORMAL_95 * (FISHER_VARIANCE / (self.n - FISHER_LOST)) ** 0.5
        low, high = (float(np.tanh(np.arctanh(tau) + side * reach)) for side in (-1, 1))
        return low, high

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return self._asdict() | {"kendall_interval": self.kendall_interval}


FULL_METRICS = {"val_accuracy": "full validation", "test_accuracy": "test"}
"""The accuracies of full trainings, with the names of their images in tables."""


class Compared(NamedTuple):
    """One architecture, evaluated as a proxy and trained in full."""

    proxy: Candidate
    full: Candidate
    kind: str  # what it is called in tables


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> RankCorrelation:
    """Return Kendall's tau-b and Spearman's rho.

    Args:
        first: [N], one a architecture.
        second: [N], in the same order.

    Raises:
        ValueError: fewer than three, not as many of both, or one that is not finite.
    """
    from scipy import stats  # noqa: PLC0415 (slow to import)

    if len(first) != len(second) or len(first) < LEAST_RANKED:
        raise ValueError(
            f"a rank correlation needs {LEAST_RANKED} pairs or more, got {len(first)} and "
            f"{len(second)} values"
        )
    check_all_finite(np.array([first, second], dtype=float), "what is ranked")
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return RankCorrelation(None, None, len(first))
    return RankCorrelation(
        float(stats.kendalltau(first, second).statistic),
        float(stats.spearmanr(first, second).statistic),
        len(first),
    )


def compared(
    proxies: Mapping[str, Iterable[Candidate]], trainings: Iterable[Candidate]
) -> list[Compared]:
    """Return the architectures that were evaluated both ways, the best in full first.

    The best are so by :func:`full_metrics`' first accuracy.

    Args:
        proxies: proxy evaluations by kind, such as found and plain convolution.
        trainings: full trainings of all kinds.
    """
    proxy_of = {
        c.architecture: (c, kind) for kind, candidates in proxies.items() for c in candidates
    }
    pairs = [
        Compared(proxy_of[full.architecture][0], full, proxy_of[full.architecture][1])
        for full in trainings
        if full.architecture in proxy_of
    ]
    best_by = full_metrics(pairs)[0]
    return sorted(pairs, key=lambda pair: -pair.full.metrics[best_by])


def full_metrics(pairs: Sequence[Compared]) -> list[str]:
    """Return the accuracies that the full trainings have.

    Those on the validation images too have no val_accuracy.
    """
    return [name for name in FULL_METRICS if all(name in pair.full.metrics for pair in pairs)]


def full_name(metric: str, names: MetricNames) -> str:
    """Return the name of one of :data:`FULL_METRICS` in tables, such as ``full validation mAP``."""
    return names.of_split(FULL_METRICS[metric])


def proxy_correlation(pairs: Sequence[Compared], full_metric: str) -> RankCorrelation:
    """Correlate the proxies' val_accuracy with ``full_metric`` of the full trainings.

    Raises:
        ValueError: fewer than three pairs.
    """
    return rank_correlation(
        [pair.proxy.metrics["val_accuracy"] for pair in pairs],
        [pair.full.metrics[full_metric] for pair in pairs],
    )


def epoch_correlations(
    evaluations: Iterable[Evaluation], epochs: Sequence[int]
) -> dict[int, RankCorrelation]:
    """Correlate val_accuracy after each of ``epochs`` with that at the end, over evaluations.

    Complete evaluations count. An epoch that fewer than three have on their curves is left out.
    """
    complete = [row for row in evaluations if row.state == "complete"]
    correlations = {}
    for epoch in epochs:
        pairs = [
            (point["val_accuracy"], row.metrics["val_accuracy"])
            for row in complete
            for point in row.curve
            if point["epoch"] == epoch and point["val_accuracy"] is not None
        ]
        if len(pairs) >= LEAST_RANKED:
            early, last = zip(*pairs, strict=True)
            correlations[epoch] = rank_correlation(early, last)
    return correlations


def comparison_json(pairs: Sequence[Compared]) -> list[dict[str, Any]]:
    """Return the pairs as plain data, accuracies and errors as fractions."""
    return [
        {
            "kind": kind,
            "arch_id": full.arch_id,
            "description": str(full.architecture),
            "params": proxy.metrics["params"],
            "proxy_val_accuracy": proxy.metrics["val_accuracy"],
            "proxy_standard_error": proxy.standard_error,
            "proxy_n": proxy.n,
            "proxy_is_fresh": proxy.is_fresh,
            "proxy_val_accuracy_as_found": proxy.as_found,
            "full_val_accuracy": full.metrics.get("val_accuracy"),
            "full_standard_error": full.standard_error,
            "test_accuracy": full.metrics["test_accuracy"],
            "full_n": full.n,
        }
        for proxy, full, kind in pairs
    ]
