"""From what a training found to all of a trial's metrics."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping

from nas.config import SearchConfig
from nas.evaluation_row import Evaluation, curve_points
from nas.metrics import PREDICTED_LATENCY
from search_space.architecture import Architecture
from search_space.cost.latency import Latency


class TrialMetrics:
    """Adds an architecture's exact costs and its measured latency.

    Args:
        config: the search's.
        costs_of: the exact costs by name.
        latency_of: the measured latency; None where there is none.
    """

    def __init__(
        self,
        config: SearchConfig,
        costs_of: Callable[[Architecture], dict[str, float]],
        latency_of: Callable[[Architecture], Latency | None],
    ) -> None:
        self._latency = config.latency
        self._costs_of = costs_of
        self._latency_of = latency_of

    def of(self, architecture: Architecture, found: Mapping[str, float]) -> dict[str, float]:
        """All metrics of an architecture in whose training ``found`` came out."""
        costs = self._costs_of(architecture)
        costs.pop(PREDICTED_LATENCY, None)  # the measured one is known
        metrics = {**found, **costs}
        latency = self._latency_of(architecture)
        if latency is None:
            return metrics
        metrics["latency_ms"] = latency.latency_ms
        if self._latency.target_ms is not None and "val_accuracy" in found:
            weighed = self._latency.weighed(found["val_accuracy"], latency.latency_ms)
            metrics["val_accuracy_by_latency"] = weighed
        return metrics

    def at(self, architecture: Architecture, val_accuracy: float) -> dict[str, float]:
        """All metrics as long as the accuracy is this one: what rungs compare."""
        return self.of(architecture, {"val_accuracy": val_accuracy})

    def at_rungs(
        self, rows: Iterable[Evaluation], rungs: Container[int]
    ) -> list[tuple[int, list[tuple[int, dict[str, float]]]]]:
        """Each row's number, and by rung that it reached its metrics there."""
        return [
            (
                row.number,
                [
                    (epoch, self.at(row.architecture, accuracy))
                    for epoch, accuracy in curve_points(row.curve).items()
                    if epoch in rungs
                ],
            )
            for row in rows
        ]
