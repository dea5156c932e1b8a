"""Expected hypervolume improvement of a front with exactly known costs and a predicted loss.

Legend: N candidates, K members of the front, d costs, B boxes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

LEAST_DEVIATION = 1e-100
"""Divides in place of a deviation of 0."""

AT_ONCE = 500_000
"""The most candidates times boxes whose volumes are in memory at once."""


def expected_improvement(mean: np.ndarray, deviation: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Return how far a normal loss is expected to fall below ``best``; the three broadcast.

    Source: Jones, Schonlau, Welch 1998, "Efficient Global Optimization of Expensive Black-Box
    Functions", equation 15.
    """
    gain = best - mean
    z = gain / np.maximum(deviation, LEAST_DEVIATION)
    density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
    return np.asarray(gain * ndtr(z) + deviation * density)


class BoxDecomposition(NamedTuple):
    """The region that no member of a front dominates, as boxes that do not overlap.

    A box has a range of loss and of each cost. The ends of its range of loss are levels: level 0 is
    minus infinity, level i is ``losses[i - 1]``.
    """

    losses: np.ndarray  # [K + 1], ascending, the reference's last
    since: np.ndarray  # [B], a level
    until: np.ndarray  # [B], a level
    lower: np.ndarray  # [B, d], of the costs
    upper: np.ndarray  # [B, d]


def box_decomposition(front: np.ndarray, reference: np.ndarray) -> BoxDecomposition:
    """Decompose the region that a front does not dominate, by a sweep over its losses.

    At a member's loss, the costs that it dominates leave the region: boxes that contain such costs
    end there, and boxes of the rest of them begin there.

    Args:
        front: ``[K, 1 + d]``, loss and costs; members not better than the reference do not count.
        reference: ``[1 + d]``, the reference point, where the region ends.
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
    return BoxDecomposition(np.append(front[:, 0], reference[0]), *columns)


def expected_hypervolume_improvement(
    mean: np.ndarray,
    deviation: np.ndarray,
    costs: np.ndarray,
    boxes: BoxDecomposition,
    levels: np.ndarray,
) -> np.ndarray:
    """Return the expected hypervolume improvement ``[N]``, exact where no loss is rescaled.

    The improvement is the integral over loss levels t of the probability that the loss is below t,
    times the volume of costs in the boxes at t that the candidate dominates. For each box that is a
    difference of two expected improvements times a volume of costs.

    The volume may be by another scale of the losses than the normal ones: between two members, the
    one then grows in proportion to the other.

    Args:
        mean: ``[N]`` of the loss.
        deviation: ``[N]`` of the loss.
        costs: ``[N, d]``, exact.
        boxes: the region that the front does not dominate.
        levels: ``[K + 1]``, the losses of the boxes by the scale of the volume.
    """
    at_most = expected_improvement(mean[:, None], deviation[:, None], boxes.losses)  # [N, K + 1]
    widths = np.diff(boxes.losses)
    slopes = np.divide(np.diff(levels), widths, out=np.ones_like(widths), where=widths > 0)
    at_most[:, 1:] = at_most[:, :1] + np.cumsum(np.diff(at_most) * slopes, axis=1)
    at_most = np.concatenate([np.zeros((len(mean), 1)), at_most], axis=1)
    improvements = np.empty(len(mean))
    step = max(1, AT_ONCE // len(boxes.since))
    for start in range(0, len(mean), step):
        rows = slice(start, start + step)
        volumes = at_most[rows, boxes.until] - at_most[rows, boxes.since]  # [rows, B]
        for low, high, cost in zip(boxes.lower.T, boxes.upper.T, costs[rows].T, strict=True):
            volumes *= np.maximum(high - np.maximum(low, cost[:, None]), 0)
        improvements[rows] = volumes.sum(axis=1)
    return improvements


def _without(
    lower: np.ndarray, upper: np.ndarray, corner: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Cut the costs above a corner ``[d]`` from boxes ``[B, d]`` that all reach above it.

    Returns:
        The lower and upper bounds ``[any, d]`` of boxes of the rest.
    """
    lows, highs = [], []
    for axis, bound in enumerate(corner):
        low, high = lower.copy(), upper.copy()
        low[:, :axis] = np.maximum(low[:, :axis], corner[:axis])
        high[:, axis] = np.minimum(high[:, axis], bound)
        if axis == 1 and len(corner) == 2:  # these lie side by side, so their union is a box
            low, high = low.min(axis=0, keepdims=True), high.max(axis=0, keepdims=True)
        there = (low < high).all(axis=1)
        lows.append(low[there])
        highs.append(high[there])
    return np.concatenate(lows), np.concatenate(highs)
