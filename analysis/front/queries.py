"""Queries on a front: its knee, the members within limits, and its hypervolume.

The Pareto set itself is :func:`nas.storage.candidates.pareto_front`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import moocore
import numpy as np

from nas.evaluation.finite_values import check_all_finite
from nas.metrics import COSTS, MAXIMISED, losses
from nas.quantities import parse_quantity
from nas.storage.candidates import Candidate, finite_losses, front_by_value
from search_space.nearest import hint

FEWEST_WITH_A_KNEE = 3
"""Members of a front: its two ends, and one between them."""

TIE = 1e-9  # distances from the chord closer than this, of a front of extent 1, are equal


def knee(members: Iterable[Candidate], x: str, y: str) -> Candidate | None:
    """Return the member farthest above the chord between the front's ends.

    Members count with their ``metrics``, which come from fresh evaluations where there are any; the
    accuracies that chose them would put the luckiest at the knee. The cost ``x`` is on
    a log scale, and both axes are normalised to the front's own range, which puts the ends at
    (0, 0) and (1, 1) and the chord on the diagonal. A knee is above the chord: it gives more than
    a straight trade between the ends does. Of equally far members the cheaper one is taken.

    Args:
        members: a front, in any order. Those that are dominated by their values (the front may
            have had further objectives, or was chosen before fresh evaluations), or lack one of
            the two metrics, are left out.
        x: a cost, one of ``COSTS``.
        y: a metric to maximise, such as ``val_accuracy``.

    Returns:
        One of ``members``, whatever their order. None if fewer than three are left, or none of
        them is above the chord: :func:`why_no_knee` says which.

    Raises:
        ValueError: ``x`` is no cost, ``y`` none of ``MAXIMISED``, a cost is not positive, or a
            value is not finite.
    """
    front = _front_with_a_chord(members, x, y)
    if len(front) < FEWEST_WITH_A_KNEE:
        return None
    costs = np.array([member.metrics[x] for member in front])  # ascending
    if costs[0] <= 0:
        raise ValueError(f"a cost must be positive to be on a log scale, got {x}={costs[0]:g}")
    above = _to_unit(np.array([m.metrics[y] for m in front])) - _to_unit(np.log(costs))
    if above.max() <= TIE:
        return None
    return front[int(np.argmax(above >= above.max() - TIE))]


def has_a_knee(x: str, y: str, z: str | None = None) -> bool:
    """Return whether a front may have a knee: it has two objectives, a cost and an accuracy."""
    return z is None and x in COSTS and y in MAXIMISED


def why_no_knee(members: Iterable[Candidate], x: str, y: str) -> str:
    """Say in one line why :func:`knee` found none among the same members."""
    count = len(_front_with_a_chord(members, x, y))
    if count < FEWEST_WITH_A_KNEE:
        return (
            f"no knee: it takes {FEWEST_WITH_A_KNEE} members of which none dominates another, and "
            f"there {'is' if count == 1 else 'are'} {count}"
        )
    return "no knee: no member lies above the line between the front's ends"


def under(candidates: Iterable[Candidate], limits: Mapping[str, float]) -> list[Candidate]:
    """Return the candidates within all ``limits`` (inclusive), in their order.

    A candidate that lacks a limited metric is left out.

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


def nearest(
    members: Iterable[Candidate], targets: Mapping[str, float], count: int = 1
) -> list[Candidate]:
    """Return the members whose costs are nearest to ``targets``, the nearest first.

    Costs are compared by their ratio: 2M and 8M are equally far from 4M. Several targets count by
    the root of the sum of their squared logarithms. Members that lack a cost are left out.

    Args:
        members: in any order; of equally near ones the first is taken.
        targets: costs by name, each positive.
        count: the most members to return.

    Raises:
        ValueError: a target is on something that is none of ``COSTS``, or there is none.
    """
    if not targets:
        raise ValueError("a target such as params=5M is needed")
    for name in targets:
        check_name(name, COSTS, "cost")

    def distance(member: Candidate) -> float:
        return sum(
            float(np.log(member.metrics[name] / target)) ** 2 for name, target in targets.items()
        )

    return sorted(_with_all(members, list(targets)), key=distance)[:count]


def best(members: Iterable[Candidate], metric: str, count: int) -> list[Candidate]:
    """Return the ``count`` best members in a metric, the best first; ties stay in their order."""
    return sorted(
        _with_all(members, [metric]), key=lambda member: losses(member.metrics, [metric])
    )[:count]


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
                f"costs are written as macs=40M,latency_ms=5, got {part.strip()!r} in {text!r}"
            )
        check_name(name, COSTS, "cost")
        if name in limits:
            raise ValueError(f"{name} is given twice in {text!r}")
        try:
            limits[name] = parse_quantity(number)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return limits


def hypervolume(
    members: Iterable[Candidate], objectives: Sequence[str], reference: Mapping[str, float]
) -> float:
    """Return the volume that ``members`` dominate up to ``reference``; larger is better.

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
        ValueError: an unknown objective, a repeated one, none, or one without a reference; a value
            or a reference is not finite.
    """
    _check_objectives(objectives)
    missing = [objective for objective in objectives if objective not in reference]
    if missing:
        raise ValueError(f"the reference point lacks {', '.join(missing)}, got {dict(reference)}")
    point = [reference[objective] for objective in objectives]
    check_all_finite(np.array(point), "the reference point's values")
    points = _losses(_with_all(members, objectives), objectives)
    return float(moocore.hypervolume(points, ref=losses(reference, objectives)))


def reference_point(candidates: Iterable[Candidate], objectives: Sequence[str]) -> dict[str, float]:
    """Return the default reference: the worst value of each objective over ALL candidates.

    Over the front alone, its ends, the worst in one objective each, would be worth nothing. To
    compare two searches, take one point over the candidates of both.

    Raises:
        ValueError: as :func:`hypervolume` does, or no candidate has all objectives.
    """
    _check_objectives(objectives)
    usable = _with_all(candidates, objectives)
    if not usable:
        raise ValueError(f"no candidate has all of {', '.join(objectives)}")
    worst = _losses(usable, objectives).argmax(axis=0)
    return {
        objective: float(usable[row].metrics[objective])
        for objective, row in zip(objectives, worst, strict=True)
    }


def primitive_counts(candidates: Iterable[Candidate]) -> dict[str, int]:
    """Count, for each type of primitive, the distinct architectures that have it in a block."""
    distinct = {candidate.architecture for candidate in candidates}
    return dict(Counter(kind for a in distinct for kind in sorted(set(a.primitive_types()))))


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


def _with_all(candidates: Iterable[Candidate], objectives: Sequence[str]) -> list[Candidate]:
    """Return the candidates that have all objectives."""
    return [c for c in candidates if all(objective in c.metrics for objective in objectives)]


def _losses(candidates: Sequence[Candidate], objectives: Sequence[str]) -> np.ndarray:
    """Return the losses ``[candidates, objectives]``.

    Raises:
        ValueError: a value is not finite.
    """
    metrics = [candidate.metrics for candidate in candidates]
    return finite_losses(metrics, objectives, [candidate.arch_id for candidate in candidates])


def _front_with_a_chord(members: Iterable[Candidate], x: str, y: str) -> list[Candidate]:
    """Return the members among which the knee is, by ascending cost."""
    check_name(x, COSTS, "cost")
    check_name(y, MAXIMISED, "metric to maximise")
    return front_by_value(sorted(members, key=lambda member: member.arch_id), [y, x])


def _to_unit(values: np.ndarray) -> np.ndarray:
    """Scale the range of ``values`` to 0..1."""
    extent = values.max() - values.min()  # 0 only where costs differ by less than their logs show
    return (values - values.min()) / (extent or 1.0)
