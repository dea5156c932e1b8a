"""Questions to a front: its knee, what fits limits, its hypervolume, and how noisy it all is.

The Pareto set itself is :func:`nas.front.pareto_front`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import moocore
import numpy as np

from nas.evaluation_row import Evaluation
from nas.front import Candidate, pareto_front
from nas.ledger import MAXIMISED
from nas.quantities import parse_quantity
from search_space.nearest import hint

COSTS = ("params", "macs", "activations", "peak_memory_mb", "latency_ms")
"""Metrics of which less is better; those of ``MAXIMISED`` are the others."""

TIE = 1e-9  # distances from the chord closer than this, of a front of extent 1, are equal


def knee(members: Iterable[Candidate], x: str, y: str) -> Candidate | None:
    """The member farthest from the chord between the front's ends, on its better side.

    The cost ``x`` is on a log scale, and both axes are normalised to the front's own range, which
    puts the ends at (0, 0) and (1, 1) and the chord on the diagonal. A member below the chord
    (dearer than a straight trade between the ends) is never a knee; if all are, the cheaper end
    is. Of equally far members the cheaper is taken, of fewer than three the best by ``y``.

    Args:
        members: a front, in any order. Those that are not on the front of ``y`` against ``x``
            (it may have had further objectives), or lack one of them, are left out.
        x: a cost, one of ``COSTS``.
        y: a metric to maximise, such as ``val_accuracy``.

    Returns:
        One of ``members``, whatever their order; None if none has both metrics.

    Raises:
        ValueError: ``x`` is no cost, ``y`` none of ``MAXIMISED``, or a cost is not positive.
    """
    check_name(x, COSTS, "cost")
    check_name(y, MAXIMISED, "metric to maximise")
    front = pareto_front(sorted(members, key=lambda member: member.arch_id), [y, x])
    if len(front) < 3:
        return max(front, key=lambda member: member.metrics[y], default=None)
    costs = np.array([member.metrics[x] for member in front])  # ascending
    if costs[0] <= 0:
        raise ValueError(f"a cost must be positive to be on a log scale, got {x}={costs[0]:g}")
    above = _to_unit(np.array([m.metrics[y] for m in front])) - _to_unit(np.log(costs))
    return front[int(np.argmax(above >= above.max() - TIE))]


def under(candidates: Iterable[Candidate], limits: Mapping[str, float]) -> list[Candidate]:
    """The candidates within all ``limits`` (inclusive), in their order.

    A candidate that lacks a limited metric is left out: nobody knows that it fits.

    Raises:
        ValueError: a limit is on something that is none of ``COSTS``.
    """
    for name in limits:
        check_name(name, COSTS, "cost")
    return [
        candidate
        for candidate in candidates
        if all(candidate.metrics.get(name, np.inf) <= limit for name, limit in limits.items())
    ]


def parse_limits(text: str) -> dict[str, float]:
    """``"macs=40M,latency_ms=5"`` to ``{"macs": 40000000.0, "latency_ms": 5.0}``.

    Raises:
        ValueError: a part is not NAME=NUMBER, names no cost or one a second time, or its number is
            not positive.
    """
    limits: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = (piece.strip() for piece in part.partition("="))
        if not (name and equals and number):
            raise ValueError(
                f"limits are written as macs=40M,latency_ms=5, got {part.strip()!r} in {text!r}"
            )
        check_name(name, COSTS, "cost")
        if name in limits:
            raise ValueError(f"{name} is limited twice in {text!r}")
        try:
            limits[name] = parse_quantity(number)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return limits


def hypervolume(
    members: Iterable[Candidate], objectives: Sequence[str], reference: Mapping[str, float]
) -> float:
    """The volume that ``members`` dominate up to ``reference``; larger is better.

    Volumes compare only with the same objectives and reference.

    Args:
        members: a front, or any candidates: dominated ones add nothing. Those that lack an
            objective are left out.
        objectives: metrics, each maximised or minimised by its nature.
        reference: for each objective, the value from which on a candidate is worth anything. A
            candidate no better than it in some objective adds nothing.

    Returns:
        The volume, in the product of the objectives' own units (accuracies as fractions).

    Raises:
        ValueError: an unknown objective, a repeated one, none, or one without a reference.
    """
    _check_objectives(objectives)
    missing = [objective for objective in objectives if objective not in reference]
    if missing:
        raise ValueError(f"the reference point lacks {', '.join(missing)}, got {dict(reference)}")
    return float(
        moocore.hypervolume(
            _values(members, objectives),
            ref=[reference[objective] for objective in objectives],
            maximise=[objective in MAXIMISED for objective in objectives],
        )
    )


def reference_point(candidates: Iterable[Candidate], objectives: Sequence[str]) -> dict[str, float]:
    """The default reference: the worst value of each objective over ALL candidates.

    Not over the front alone: its ends, the worst in one objective each, would be worth nothing. To
    compare two searches, take one point over the candidates of both.

    Raises:
        ValueError: as :func:`hypervolume` does, or no candidate has all objectives.
    """
    _check_objectives(objectives)
    values = _values(candidates, objectives)
    if not len(values):
        raise ValueError(f"no candidate has all of {', '.join(objectives)}")
    return {
        objective: float(column.min() if objective in MAXIMISED else column.max())
        for objective, column in zip(objectives, values.T, strict=True)
    }


def seed_noise(candidates: Iterable[Candidate]) -> float | None:
    """How much val_accuracy moves from seed to seed, as a fraction.

    The median, over the candidates with two evaluations or more, of the standard deviation (n - 1)
    between a candidate's evaluations; None if there is no such candidate.
    """
    deviations = [c.deviation for c in candidates if c.deviation is not None]
    return float(np.median(deviations)) if deviations else None


def spread(evaluations: Iterable[Evaluation]) -> float | None:
    """How much val_accuracy differs between architectures, as a fraction.

    The standard deviation (n - 1) over the first complete evaluation of each architecture; None
    for fewer than two. One evaluation each, because means over repeats, which only finalists have,
    carry less noise than the others and would be compared with them.

    Args:
        evaluations: a search's own, in the ledger's order; its repeats may follow.
    """
    first = _first_accuracies(evaluations)
    return float(np.std(first, ddof=1)) if len(first) > 1 else None


def quartile_range(evaluations: Iterable[Evaluation]) -> float | None:
    """Like :func:`spread`, as the interquartile range: a few collapsed networks do not widen it."""
    first = _first_accuracies(evaluations)
    return float(np.subtract(*np.percentile(first, [75, 25]))) if len(first) > 1 else None


def primitive_counts(candidates: Iterable[Candidate]) -> dict[str, int]:
    """For each type of primitive, how many distinct architectures have it in some block."""
    distinct = {candidate.architecture for candidate in candidates}
    return dict(Counter(kind for a in distinct for kind in sorted(set(a.primitive_types()))))


def _first_accuracies(evaluations: Iterable[Evaluation]) -> list[float]:
    first: dict[str, float] = {}
    for evaluation in evaluations:
        if evaluation.state == "complete" and "val_accuracy" in evaluation.metrics:
            first.setdefault(evaluation.arch_id, evaluation.metrics["val_accuracy"])
    return list(first.values())


def check_name(name: str, known: Sequence[str], what: str) -> None:
    """Refuse a name that is not ``known``.

    Raises:
        ValueError: with the nearest known name.
    """
    if name in known:
        return
    raise ValueError(f"unknown {what} {name!r}; {hint(name, known)}")


def _check_objectives(objectives: Sequence[str]) -> None:
    if not objectives or len(set(objectives)) < len(objectives):
        raise ValueError(f"objectives must be one metric or more, each once, got {objectives}")
    for objective in objectives:
        check_name(objective, (*MAXIMISED, *COSTS), "metric")


def _values(candidates: Iterable[Candidate], objectives: Sequence[str]) -> np.ndarray:
    """``[candidates, objectives]`` of those that have all objectives, in the metrics' own units."""
    rows = [
        [candidate.metrics[objective] for objective in objectives]
        for candidate in candidates
        if all(objective in candidate.metrics for objective in objectives)
    ]
    return np.array(rows, dtype=float).reshape(len(rows), len(objectives))


def _to_unit(values: np.ndarray) -> np.ndarray:
    """The range of ``values`` to 0..1."""
    extent = values.max() - values.min()  # 0 only where costs differ by less than their logs show
    return (values - values.min()) / (extent or 1.0)
