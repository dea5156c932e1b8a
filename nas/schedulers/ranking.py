"""Ranks trials by several losses: non-dominated sorting, then a greedy epsilon-net in each front.

Source: Schmucker et al. 2021, "Multi-objective Asynchronous Successive Halving"
(https://arxiv.org/abs/2106.12639); the epsilon-net is the best of their rules. Differs in that the
net begins with the member that is best in the first loss, not with a random one.

Legend: N trials, ``losses`` [N, objectives], smaller is better.
"""

from __future__ import annotations

from collections.abc import Iterator

import moocore
import numpy as np

from nas.evaluation.finite_values import check_all_finite


def best_first(losses: np.ndarray) -> Iterator[int]:
    """Iterate over the rows of ``losses``, best first, of equal ones the earlier first.

    Only the fronts that are asked for are sorted.

    Raises:
        ValueError: a loss is not finite.
    """
    check_all_finite(losses, "losses")
    fronts = moocore.pareto_rank(losses)
    for front in np.unique(fronts):
        yield from spread(losses, np.flatnonzero(fronts == front)).tolist()


def place_of_last(losses: np.ndarray) -> int:
    """Return the rank of the last row in :func:`best_first`; only its own front is sorted.

    Raises:
        ValueError: a loss is not finite.
    """
    check_all_finite(losses, "losses")
    fronts = moocore.pareto_rank(losses)
    before = int((fronts < fronts[-1]).sum())
    own = spread(losses, np.flatnonzero(fronts == fronts[-1]))
    return before + int(np.flatnonzero(own == len(losses) - 1)[0])


def spread(losses: np.ndarray, front: np.ndarray) -> np.ndarray:
    """Sort the rows ``front`` of ``losses`` by a greedy epsilon-net, so that any first few spread.

    The first is the member with the smallest first loss. Each next one is the farthest from its
    nearest chosen member, where each loss is scaled by its range over the front. Of equally far
    ones the lexicographically smaller comes first, of equal ones the earlier.
    """
    front = front[np.lexsort(losses[front].T[::-1])]  # stable: of equal rows the earlier first
    members = losses[front]
    spans = np.ptp(members, axis=0)
    scaled = (members - members.min(axis=0)) / np.where(spans > 0, spans, 1.0)
    distances = np.full(len(front), np.inf)
    order = []
    for _ in range(len(front)):
        chosen = int(np.argmax(distances))
        order.append(chosen)
        distances = np.minimum(distances, np.linalg.norm(scaled - scaled[chosen], axis=1))
        distances[order] = -np.inf
    return front[order]
