"""All metrics of a trial: the training's result, exact costs and measured latency."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nas.metrics import PREDICTED_LATENCY, losses
from nas.samplers.choice_space import Candidate
from nas.search.problem import SearchProblem
from search_space.cost.latency_record import Latency


class TrialMetrics:
    """Add an architecture's exact costs and measured latency to its training's result.

    Args:
        problem: the search's.
        latency_of: gives the measured latency of an architecture, None if there is none.
    """

    def __init__(
        self, problem: SearchProblem, latency_of: Callable[[Candidate], Latency | None]
    ) -> None:
        self._problem = problem
        self._latency_of = latency_of

    def of(self, architecture: Candidate, result: Mapping[str, float]) -> dict[str, float]:
        """Return all metrics of an architecture whose training gave ``result``."""
        costs = dict(self._problem.costs.of(architecture))
        costs.pop(PREDICTED_LATENCY, None)  # the measured one is known
        metrics = {**result, **costs}
        latency = self._latency_of(architecture)
        if latency is None:
            return metrics
        metrics["latency_ms"] = latency.latency_ms
        settings = self._problem.latency
        if settings.target_ms is not None and "val_accuracy" in result:
            weighed = settings.weighed(result["val_accuracy"], latency.latency_ms)
            metrics["val_accuracy_by_latency"] = weighed
        return metrics

    def losses(self, architecture: Candidate, accuracy: float) -> list[float]:
        """Return the losses that rungs compare: one for each objective, smaller is better."""
        metrics = self.of(architecture, {self._problem.accuracy: accuracy})
        return losses(metrics, self._problem.compared, self._problem.maximised)
