"""Expected improvement of a front whose costs are known exactly and whose accuracy is believed.

Legend: N candidates, K members of the front, d costs.
"""

from __future__ import annotations

import moocore
import numpy as np
from scipy.special import ndtr


def expected_improvement(mean: np.ndarray, deviation: np.ndarray, best: np.ndarray) -> np.ndarray:
    """How far below ``best`` a normal loss is expected to fall; the three broadcast.

    Source: Jones, Schonlau, Welch 1998, "Efficient Global Optimization of Expensive Black-Box
    Functions", equation 15.
    """
    z = (best - mean) / deviation
    density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
    return np.asarray(deviation * (z * ndtr(z) + density))


def hypervolume_improvement(
    mean: np.ndarray,
    deviation: np.ndarray,
    costs: np.ndarray,
    front: np.ndarray,
    reference: np.ndarray,
) -> np.ndarray:
    """Expected growth of the hypervolume ``[N]``, exact.

    The loss falls below t with probability ``p(t)``, and then adds, at t, the area of cost that
    the candidate dominates and no member of the front with a loss of at most t does. That area is
    constant between the losses of the front's members, so that the integral over t is a sum of
    differences of expected improvements.

    Args:
        mean: ``[N]`` of the loss.
        deviation: ``[N]`` of the loss.
        costs: ``[N, d]``, exact.
        front: ``[K, 1 + d]``, loss and costs, none dominated.
        reference: ``[1 + d]``, the worst that counts.
    """
    front = front[(front < reference).all(axis=1)]
    front = front[np.argsort(front[:, 0])]
    levels = np.append(front[:, 0], reference[0])
    at_most = expected_improvement(mean[:, None], deviation[:, None], levels)  # [N, K + 1]
    share = np.diff(at_most, axis=1, prepend=0.0)
    return np.einsum("Nk,Nk->N", share, _free_areas(costs, front[:, 1:], reference[1:]))


def _free_areas(costs: np.ndarray, members: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """What is free of each box [costs, reference] beside the first 0, ... K members, [N, K + 1]."""
    room = np.maximum(reference - costs, 0)
    if costs.shape[1] == 1:
        lowest = np.minimum.accumulate(np.append(reference[0], members[:, 0]))
        return np.minimum(room, np.maximum(lowest - costs, 0))
    areas = np.empty((len(costs), len(members) + 1))
    areas[:, 0] = room.prod(axis=1)
    for row, corner in enumerate(costs):
        covering = np.maximum(members, corner)
        for count in range(1, len(members) + 1):
            covered = moocore.hypervolume(covering[:count], ref=reference)
            areas[row, count] = areas[row, 0] - covered
    return areas
