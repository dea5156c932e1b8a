"""The order of trials that are compared on several losses: from the best to the worst.

Source: Schmucker et al. 2021, "Multi-objective Asynchronous Successive Halving"
(https://arxiv.org/abs/2106.12639): fronts of non-dominated sorting one after another, and within a
front by a greedy epsilon-net, the best of their rules. Differs in that the net begins with the
member that is best in the first loss, not with a random one.

Legend: N trials, ``losses`` [N, objectives], smaller is better.
"""

from __future__ import annotations

from collections.abc import Iterator

import moocore
import numpy as np

from nas.evaluation.finite_values import check_all_finite


def best_first(losses: np.ndarray) -> Iterator[int]:
    """The rows of ``losses`` in order, of equal ones the earlier first; sorted as far as asked.

    Raises:
        ValueError: a loss is not finite.
    """
    check_all_finite(losses, "losses")
    fronts = moocore.pareto_rank(losses)
    for front in np.unique(fronts):
        yield from spread(losses, np.flatnonzero(fronts == front)).tolist()


def place_of_last(losses: np.ndarray) -> int:
    """Where the last row stands in :func:`best_first`; only its own front is put in order.

    Raises:
        ValueError: a loss is not finite.
    """
    check_all_finite(losses, "losses")
    fronts = moocore.pareto_rank(losses)
    before = int((fronts < fronts[-1]).sum())
    own = spread(losses, np.flatnonzero(fronts == fronts[-1]))
    return before + int(np.flatnonzero(own == len(losses) - 1)[0])


def spread(losses: np.ndarray, front: np.ndarray) -> np.ndarray:
    """The rows ``front`` of ``losses`` in the order of a greedy epsilon-net.

    First the member with the smallest first loss, then again and again the one that is farthest
    from its nearest chosen one, each loss scaled by its range over the front, so that any first few
    spread over the front. Of equally far ones the lexicographically smaller comes first, of equal
    ones the earlier.
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
