"""Random dashed paths in the plane, and the distances between them.

A point is a complex number x + iy, in pixels. A path of K dashes is its 2K corners, the two ends of
each dash in order.
"""

from __future__ import annotations

from math import ceil, hypot, radians
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trainers.data.generated.pathfinder_settings import PathfinderSettings

Points = npt.NDArray[np.complexfloating]
Reals = npt.NDArray[np.floating]
Flags = npt.NDArray[np.bool_]

DISTANCES_IN_CACHE = 2**16
"""Distances that are computed together: more would not fit into a processor's cache."""

SAMPLES_OF_A_CLEARANCE = 4
"""Points along a path lie at most a clearance divided by this apart."""


class Paths(NamedTuple):
    """Random paths.

    Attributes:
        corners: [N, 2K], the two ends of each dash.
        last_heading: [N], direction of the last dash, in radians.
    """

    corners: Points
    last_heading: Reals


def random_paths(
    rng: np.random.Generator,
    dashes: int,
    settings: PathfinderSettings,
    *,
    start: Points,
    heading: Reals,
) -> Paths:
    """Draw paths from given starts, with turns that are uniform and independent.

    A gap has the direction half way between those of the dashes on its sides.

    Args:
        rng: draws the turns.
        dashes: K of each path.
        settings: lengths and the largest turn.
        start: [N], the first end of the first dash.
        heading: [N], direction of the first dash, in radians.
    """
    bend = radians(settings.bend)
    turns = rng.uniform(-bend, bend, (len(start), dashes - 1))
    headings = heading[:, None] + np.pad(np.cumsum(turns, axis=1), ((0, 0), (1, 0)))
    directions = np.empty((len(start), 2 * dashes - 1))
    directions[:, ::2] = headings
    directions[:, 1::2] = (headings[:, 1:] + headings[:, :-1]) / 2
    lengths = np.full(2 * dashes - 1, settings.dash_length)
    lengths[1::2] = settings.gap
    steps = np.cumsum(lengths * np.exp(1j * directions), axis=1)
    return Paths(start[:, None] + np.pad(steps, ((0, 0), (1, 0))), headings[:, -1])


def sampled(corners: Points, settings: PathfinderSettings) -> Points:
    """Return points along paths, gaps included, close enough for :func:`keep_clear`.

    Args:
        corners: [..., 2K].
        settings: with the clearance.

    Returns:
        complex64 [..., P], dash by dash, then gap by gap.
    """
    spacing = settings.clearance / SAMPLES_OF_A_CLEARANCE
    begins, ends = corners[..., ::2, None], corners[..., 1::2, None]
    on_dash = np.linspace(0, 1, ceil(settings.dash_length / spacing) + 1)
    on_gap = np.linspace(0, 1, ceil(settings.gap / spacing) + 1)[1:-1]
    dashes = begins + (ends - begins) * on_dash
    gaps = ends[..., :-1, :] + (begins[..., 1:, :] - ends[..., :-1, :]) * on_gap
    flat = [
        each.reshape(*each.shape[:-2], each.shape[-2] * each.shape[-1]) for each in (dashes, gaps)
    ]
    return np.concatenate(flat, axis=-1).astype(np.complex64)


def keep_clear(points: Points, others: Points, settings: PathfinderSettings) -> Flags:
    """Return whether paths are at least a clearance apart.

    Two line segments that do not cross are nearest at an end of one of them, which is among the
    points, and within half a spacing of a point of the other. So points that are as far apart as
    the threshold belong to lines that are a clearance apart.

    Args:
        points: [N, P], of :func:`sampled`.
        others: [N, Q], those of other paths.
        settings: with the clearance.

    Returns:
        [N].
    """
    return _least_square(points, others) >= _threshold(settings)


def keep_clear_of_themselves(points: Points, dashes: int, settings: PathfinderSettings) -> Flags:
    """Return whether dashes of a path that are no neighbours are at least a clearance apart.

    Args:
        points: [N, P], of :func:`sampled`.
        dashes: K of each path.
        settings: with the clearance.

    Returns:
        [N].
    """
    dash_points = ceil(settings.dash_length * SAMPLES_OF_A_CLEARANCE / settings.clearance) + 1
    gap_points = (points.shape[1] - dashes * dash_points) // max(dashes - 1, 1)
    place = np.concatenate(
        [
            np.repeat(np.arange(dashes), dash_points),
            np.repeat(np.arange(dashes - 1) + 0.5, gap_points),
        ]
    )
    are_near = np.abs(place[:, None] - place) < 2
    exempt = np.where(are_near, np.float32(np.inf), np.float32(0))
    return _least_square(points, points, exempt) >= _threshold(settings)


def _threshold(settings: PathfinderSettings) -> float:
    return hypot(settings.clearance, settings.clearance / SAMPLES_OF_A_CLEARANCE / 2) ** 2


def _least_square(points: Points, others: Points, added: Reals | None = None) -> Reals:
    """Return the least square of the distance between points, [N], a few paths at a time."""
    least = np.full(len(points), np.inf, np.float32)
    rows, columns = points.shape[1], others.shape[1]
    step = max(1, DISTANCES_IN_CACHE // (rows * columns))
    for begin in range(0, len(points), step):
        own, other = points[begin : begin + step, :, None], others[begin : begin + step, None]
        squares = own.real - other.real
        squares *= squares
        down = own.imag - other.imag
        down *= down
        squares += down
        if added is not None:
            squares += added
        least[begin : begin + step] = squares.reshape(-1, rows * columns).min(axis=1)
    return least
