"""Candidates: architectures with all their evaluations, and the Pareto front of them.

A search evaluates each architecture once and keeps the best. Part of what makes the best stand out
is luck, so their own evaluations promise too much (the winner's curse). Members of the front are
therefore trained again with other seeds, and each candidate has two sets of metrics:

- ``choice``, the means over all of its evaluations, decides who is on the front;
- ``metrics``, the means over its fresh evaluations alone, are its values. Without fresh evaluations
  they are those of the search's own evaluation, "as found".

A fresh evaluation is one that the search itself did not make.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import moocore
import numpy as np

from nas.evaluation.deviations import standard_deviation
from nas.evaluation.finite_values import check_finite
from nas.metrics import losses, whole_counts
from nas.storage.evaluation import Evaluation
from nas.storage.stored_architecture import StoredArchitecture, architecture_of
from search_space.architecture import Architecture


@dataclass(frozen=True)
class Candidate:
    """An architecture and the means of its evaluations."""

    network: Architecture | StoredArchitecture
    metrics: Mapping[str, float]  # its values: costs, and accuracies as fractions
    choice: Mapping[str, float]  # the values by which fronts are chosen
    n: int  # evaluations behind ``metrics``, each with another seed
    is_fresh: bool  # whether those are fresh, and not the search's own
    deviation: float | None  # of val_accuracy between fresh evaluations (n - 1); None below two
    as_found: float | None  # val_accuracy in the search; None if the search did not train it
    evaluations: int  # fresh ones and the search's own
    device_seconds: float  # of all evaluations together

    @property
    def architecture(self) -> Architecture:
        """The architecture, see :attr:`nas.storage.evaluation.Evaluation.architecture`."""
        return architecture_of(self.network)

    @property
    def arch_id(self) -> str:
        """The architecture's ``arch_id``."""
        return self.network.arch_id

    @property
    def standard_error(self) -> float | None:
        """The standard error of the fresh evaluations' mean val_accuracy; None below two."""
        return None if self.deviation is None else self.deviation / self.n**0.5


def candidates(evaluations: Iterable[Evaluation]) -> list[Candidate]:
    """Return every architecture with a complete evaluation, in the order of the first ones."""
    grouped: dict[str, list[Evaluation]] = {}
    for evaluation in evaluations:
        if evaluation.state == "complete":
            grouped.setdefault(evaluation.arch_id, []).append(evaluation)
    return [_candidate(rows) for rows in grouped.values()]


def pareto_front(evaluated: Sequence[Candidate], objectives: Iterable[str]) -> list[Candidate]:
    """Choose the front: the candidates whose ``choice`` no other one dominates.

    Of candidates that are equal in all objectives, the first is taken.

    Returns:
        The members by the last objective's value in ``metrics``, ascending.

    Raises:
        ValueError: an objective of some candidate is not finite.
    """
    return _nondominated(evaluated, [each.choice for each in evaluated], list(objectives))


def front_by_value(members: Sequence[Candidate], objectives: Iterable[str]) -> list[Candidate]:
    """Return the members of a front that no other one dominates in ``metrics`` either.

    By fresh evaluations alone a member may be worse than another, cheaper one. It stays on the
    front, which was chosen by all evaluations, and is left out here.

    Raises:
        ValueError: an objective of some member is not finite.
    """
    return _nondominated(members, [member.metrics for member in members], list(objectives))


def most_accurate(members: Sequence[Candidate]) -> Candidate | None:
    """Return the member with the highest val_accuracy; None if there are no members.

    Fresh values and values as found do not compare: if only some members have fresh evaluations,
    the mean over all evaluations decides.
    """
    is_fair = len({member.is_fresh for member in members}) < 2
    return max(
        members,
        key=lambda member: (member.metrics if is_fair else member.choice)["val_accuracy"],
        default=None,
    )


def finite_losses(
    values: Sequence[Mapping[str, float]], objectives: Sequence[str], whose: Sequence[str]
) -> np.ndarray:
    """Return the losses ``[N, objectives]`` of N trials or candidates; less is better.

    Args:
        values: N mappings that have every objective.
        objectives: metrics of :data:`nas.metrics.METRICS`.
        whose: N names, for the message.

    Raises:
        ValueError: a value is not finite.
    """
    for metrics, name in zip(values, whose, strict=True):
        check_finite({objective: metrics[objective] for objective in objectives}, name)
    rows = [losses(metrics, objectives) for metrics in values]
    return np.array(rows, dtype=float).reshape(len(values), len(objectives))


def _nondominated(
    evaluated: Sequence[Candidate], values: Sequence[Mapping[str, float]], objectives: list[str]
) -> list[Candidate]:
    pairs = [
        (candidate, own)
        for candidate, own in zip(evaluated, values, strict=True)
        if all(objective in own for objective in objectives)
    ]
    if not pairs:
        return []
    usable, compared = zip(*pairs, strict=True)
    kept = moocore.is_nondominated(
        finite_losses(compared, objectives, [candidate.arch_id for candidate in usable])
    )
    members = [candidate for candidate, is_kept in zip(usable, kept, strict=True) if is_kept]
    return sorted(members, key=lambda candidate: candidate.metrics[objectives[-1]])


def _candidate(rows: Sequence[Evaluation]) -> Candidate:
    own = [row for row in rows if row.kind == "search"]
    fresh = [row for row in rows if row.kind != "search"]
    accuracies = [row.metrics["val_accuracy"] for row in fresh if "val_accuracy" in row.metrics]
    return Candidate(
        rows[0].network,
        metrics=_means(fresh or own),
        choice=_means(rows),
        n=len(fresh or own),
        is_fresh=bool(fresh),
        deviation=standard_deviation(accuracies),
        as_found=_means(own).get("val_accuracy") if own else None,
        evaluations=len(rows),
        device_seconds=sum(row.device_seconds for row in rows),
    )


def _means(rows: Sequence[Evaluation]) -> dict[str, float]:
    """Return the means of the metrics that all of ``rows`` have."""
    if len(rows) == 1:  # a shortcut: most candidates have one row, and status reads all
        return dict(rows[0].metrics)
    shared = set.intersection(*(set(row.metrics) for row in rows))
    return whole_counts(
        {name: float(np.mean([row.metrics[name] for row in rows])) for name in sorted(shared)}
    )
