"""Expected improvement of a front whose costs are known exactly and whose accuracy is predicted.

Legend: N candidates, K members of the front, d costs, B boxes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

LEAST_DEVIATION = 1e-100
"""Stands for none, in a division."""

AT_ONCE = 500_000
"""Candidates times boxes whose volumes are held in memory."""


def expected_improvement(mean: np.ndarray, deviation: np.ndarray, best: np.ndarray) -> np.ndarray:
    """How far below ``best`` a normal loss is expected to fall; the three broadcast.

    Source: Jones, Schonlau, Welch 1998, "Efficient Global Optimization of Expensive Black-Box
    Functions", equation 15.
    """
    gain = best - mean
    z = gain / np.maximum(deviation, LEAST_DEVIATION)
    density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
    return np.asarray(gain * ndtr(z) + deviation * density)


class FreeBoxes(NamedTuple):
    """What no member of a front dominates, as boxes of loss and costs that do not overlap.

    A box reaches from one level of loss to another: level 0 is minus infinity, the others are
    ``losses``.
    """

    losses: np.ndarray  # [K + 1], ascending, the reference's last
    since: np.ndarray  # [B], a level
    until: np.ndarray  # [B], a level
    lower: np.ndarray  # [B, d], of the costs
    upper: np.ndarray  # [B, d]


def free_boxes(front: np.ndarray, reference: np.ndarray) -> FreeBoxes:
    """What is free beside a front, up to a reference, by a sweep over its losses.

    From a member's loss on, what is free of the costs is less by what the member dominates; boxes
    that lose some of it end there, and what is left of them begins there.

    Args:
        front: ``[K, 1 + d]``, loss and costs; what is not better than the reference does not count.
        reference: ``[1 + d]``, the worst that counts.
    """
    front = front[(front < reference).all(axis=1)]
    front = front[np.argsort(front[:, 0], kind="stable")]
    lower, upper = np.full((1, len(reference) - 1), -np.inf), reference[None, 1:]
    since = np.zeros(1, dtype=np.int64)
    ended = []
    for level, member in enumerate(front[:, 1:], start=1):
        hit = (upper > member).all(axis=1)
        if not hit.any():
            continue
        ended.append((since[hit], np.full(hit.sum(), level), lower[hit], upper[hit]))
        left = _without(lower[hit], upper[hit], member)
        lower, upper = (
            np.concatenate([whole[~hit], part])
            for whole, part in zip((lower, upper), left, strict=True)
        )
        since = np.concatenate([since[~hit], np.full(len(left[0]), level)])
    ended.append((since, np.full(len(since), len(front) + 1), lower, upper))
    columns = (np.concatenate(column) for column in zip(*ended, strict=True))
    return FreeBoxes(np.append(front[:, 0], reference[0]), *columns)


def hypervolume_improvement(
    mean: np.ndarray, deviation: np.ndarray, costs: np.ndarray, boxes: FreeBoxes
) -> np.ndarray:
    """Expected growth of the hypervolume ``[N]``, exact.

    The loss falls below t with some probability, and then adds, at t, what its costs dominate of
    the boxes there. So the integral over t is, box by box, a difference of expected improvements
    times the free volume of costs.

    Args:
        mean: ``[N]`` of the loss.
        deviation: ``[N]`` of the loss.
        costs: ``[N, d]``, exact.
        boxes: beside the front.
    """
    at_most = expected_improvement(mean[:, None], deviation[:, None], boxes.losses)  # [N, K + 1]
    at_most = np.concatenate([np.zeros((len(mean), 1)), at_most], axis=1)
    found = np.empty(len(mean))
    step = max(1, AT_ONCE // len(boxes.since))
    for start in range(0, len(mean), step):
        rows = slice(start, start + step)
        volumes = at_most[rows, boxes.until] - at_most[rows, boxes.since]  # [rows, B]
        for low, high, cost in zip(boxes.lower.T, boxes.upper.T, costs[rows].T, strict=True):
            volumes *= np.maximum(high - np.maximum(low, cost[:, None]), 0)
        found[rows] = volumes.sum(axis=1)
    return found


def _without(
    lower: np.ndarray, upper: np.ndarray, corner: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What is left of boxes ``[B, d]`` that all reach beyond a corner ``[d]``, as boxes again."""
    lows, highs = [], []
    for axis, at in enumerate(corner):
        low, high = lower.copy(), upper.copy()
        low[:, :axis] = np.maximum(low[:, :axis], corner[:axis])
        high[:, axis] = np.minimum(high[:, axis], at)
        if axis == 1 and len(corner) == 2:  # these lie side by side: their union is a box
            low, high = low.min(axis=0, keepdims=True), high.max(axis=0, keepdims=True)
        there = (low < high).all(axis=1)
        lows.append(low[there])
        highs.append(high[there])
    return np.concatenate(lows), np.concatenate(highs)
