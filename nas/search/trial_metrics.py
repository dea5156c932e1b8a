"""From what a training found to all of a trial's metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nas.metrics import PREDICTED_LATENCY
from nas.samplers.choice_space import Candidate
from nas.search.problem import SearchProblem
from search_space.cost.latency import Latency


class TrialMetrics:
    """Adds an architecture's exact costs and its measured latency.

    Args:
        problem: the search's.
        latency_of: the measured latency; None where there is none.
    """

    def __init__(
        self, problem: SearchProblem, latency_of: Callable[[Candidate], Latency | None]
    ) -> None:
        self._problem = problem
        self._latency_of = latency_of

    def of(self, architecture: Candidate, found: Mapping[str, float]) -> dict[str, float]:
        """All metrics of an architecture in whose training ``found`` came out."""
        costs = dict(self._problem.costs.of(architecture))
        costs.pop(PREDICTED_LATENCY, None)  # the measured one is known
        metrics = {**found, **costs}
        latency = self._latency_of(architecture)
        if latency is None:
            return metrics
        metrics["latency_ms"] = latency.latency_ms
        settings = self._problem.latency
        if settings.target_ms is not None and "val_accuracy" in found:
            weighed = settings.weighed(found["val_accuracy"], latency.latency_ms)
            metrics["val_accuracy_by_latency"] = weighed
        return metrics

    def at(self, architecture: Candidate, accuracy: float) -> dict[str, float]:
        """All metrics as long as the accuracy is this one: what rungs compare."""
        return self.of(architecture, {self._problem.accuracy: accuracy})
