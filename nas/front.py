"""From evaluations to candidates with means and errors, and to the Pareto front of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import moocore
import numpy as np

from nas.evaluation_row import Evaluation
from nas.ledger import MAXIMISED
from search_space.architecture import Architecture


@dataclass(frozen=True)
class Candidate:
    """An architecture and what its evaluations say of it."""

    architecture: Architecture
    metrics: Mapping[str, float]  # means over the evaluations
    n: int  # evaluations, each with another seed
    deviation: float | None  # of val_accuracy from seed to seed (n - 1); None for n = 1
    device_seconds: float  # all evaluations together

    @property
    def arch_id(self) -> str:
        """The architecture's."""
        return self.architecture.arch_id

    @property
    def standard_error(self) -> float | None:
        """Of the mean val_accuracy; None for n = 1."""
        return None if self.deviation is None else self.deviation / self.n**0.5


def candidates(evaluations: Iterable[Evaluation]) -> list[Candidate]:
    """Every architecture with a complete evaluation, in order of its first."""
    grouped: dict[Architecture, list[Evaluation]] = {}
    for evaluation in evaluations:
        if evaluation.state == "complete":
            grouped.setdefault(evaluation.architecture, []).append(evaluation)
    return [_candidate(architecture, rows) for architecture, rows in grouped.items()]


def losses(found: Sequence[Candidate], objectives: Sequence[str]) -> np.ndarray:
    """``[candidates, objectives]``, smaller is better."""
    signs = [-1.0 if objective in MAXIMISED else 1.0 for objective in objectives]
    return np.array(
        [[s * c.metrics[o] for s, o in zip(signs, objectives, strict=True)] for c in found]
    ).reshape(len(found), len(objectives))


def pareto_front(found: Sequence[Candidate], objectives: Iterable[str]) -> list[Candidate]:
    """The candidates that no other one dominates, ordered by the last objective.

    Of candidates with equal objectives, the first.
    """
    objectives = list(objectives)
    usable = [c for c in found if all(objective in c.metrics for objective in objectives)]
    if not usable:
        return []
    kept = moocore.is_nondominated(losses(usable, objectives))
    members = [candidate for candidate, is_kept in zip(usable, kept, strict=True) if is_kept]
    return sorted(members, key=lambda candidate: candidate.metrics[objectives[-1]])


def _mean(values: Sequence[float]) -> float:
    # Most candidates have one evaluation, and a search's status looks at all of them.
    return float(values[0]) if len(values) == 1 else float(np.mean(values))


def _candidate(architecture: Architecture, rows: Sequence[Evaluation]) -> Candidate:
    shared = set.intersection(*(set(row.metrics) for row in rows))
    metrics = {name: _mean([row.metrics[name] for row in rows]) for name in shared}
    accuracies = [row.metrics["val_accuracy"] for row in rows if "val_accuracy" in row.metrics]
    deviation = float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else None
    device_seconds = sum(row.device_seconds for row in rows)
    return Candidate(architecture, metrics, len(rows), deviation, device_seconds)
