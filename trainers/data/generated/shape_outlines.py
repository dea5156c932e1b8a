"""The kinds of shapes: their outlines, extents and the pixels that they cover.

An outline is a polygon, or two circles about one centre. A point is a complex number x + iy, in
pixels, as in :mod:`trainers.data.generated.dashed_paths`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, pi, radians
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.complexfloating]
Reals = npt.NDArray[np.floating]

STAR_INNER_RADIUS = 0.45
"""Distance of a star's inner corners from its centre, as a fraction of that of its tips."""

CROSS_ARM = 0.36
"""Width of a cross's arms, as a fraction of its length."""

RING_INNER_RADIUS = 0.5
"""Radius of a ring's hole, as a fraction of the ring's."""


def _on_circle(radii: Sequence[float], first_degrees: float) -> Points:
    """Return corners at equal angles, whose distances from 0 are in turn the radii."""
    angles = radians(first_degrees) + 2 * pi * np.arange(len(radii)) / len(radii)
    return np.asarray(radii) * np.exp(1j * angles)


def _cross() -> Points:
    quarter = np.array([1 - CROSS_ARM * 1j, 1 + CROSS_ARM * 1j, CROSS_ARM + CROSS_ARM * 1j])
    return (np.array([1, 1j, -1, -1j])[:, None] * quarter).reshape(-1)


POLYGONS: dict[str, Points] = {
    "square": _on_circle([1] * 4, 45),
    "triangle": _on_circle([1] * 3, -90),
    "star": _on_circle([1, STAR_INNER_RADIUS] * 5, -90),
    "cross": _cross(),
}
INNER_RADII: dict[str, float] = {"disc": 0.0, "ring": RING_INNER_RADIUS}
CLASS_NAMES = (*INNER_RADII, *POLYGONS)


class Coverage(NamedTuple):
    """The part of each pixel around a shape that it covers.

    Attributes:
        rows, columns: of an image, which hold the shape.
        share: of each of their pixels, float32 [rows, columns], from 0 to 1.
    """

    rows: slice
    columns: slice
    share: npt.NDArray[np.float32]


class Shape(NamedTuple):
    """A shape in an image.

    Attributes:
        kind: a class, the place of its name among ``CLASS_NAMES``.
        corners: of a polygon, [K], complex; of a disc or ring, its centre alone, [1].
        radius: of a disc or ring, in pixels; 0 for a polygon.
    """

    kind: int
    corners: Points
    radius: float

    @classmethod
    def of(cls, kind: int, turn_degrees: float, side: float) -> Shape:
        """Return a shape whose box begins at 0 and has a longer side of ``side`` pixels.

        Args:
            kind: the class.
            turn_degrees: clockwise on the screen.
            side: in pixels.
        """
        name = CLASS_NAMES[kind]
        if name in INNER_RADII:
            return cls(kind, np.array([(1 + 1j) * side / 2]), side / 2)
        corners = POLYGONS[name] * np.exp(1j * radians(turn_degrees))
        corners = corners * (side / max(np.ptp(corners.real), np.ptp(corners.imag)))
        corner = complex(corners.real.min(), corners.imag.min())
        return cls(kind, corners - corner, 0.0)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """(left, top, right, bottom), in pixels: the least that holds the whole shape."""
        x, y = self.corners.real, self.corners.imag
        return (
            float(x.min()) - self.radius,
            float(y.min()) - self.radius,
            float(x.max()) + self.radius,
            float(y.max()) + self.radius,
        )

    def moved(self, shift: complex) -> Shape:
        """Return the shape moved by a shift."""
        return self._replace(corners=self.corners + shift)

    def coverage(self) -> Coverage:
        """Return how much of each pixel the shape covers.

        It falls from 1 to 0 over the pixel that the outline passes.
        """
        left, top, right, bottom = self.box
        rows, columns = slice(floor(top), ceil(bottom)), slice(floor(left), ceil(right))
        x = np.arange(columns.start, columns.stop, dtype=np.float32) + np.float32(0.5)
        y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + np.float32(0.5)
        outside = self._distance_round(x, y) if self.radius else self._distance(x, y)
        return Coverage(rows, columns, np.clip(0.5 - outside, 0, 1))

    def _distance_round(self, x: Reals, y: Reals) -> Reals:
        """Return the distance of points from the outline of a disc or ring, below 0 inside it."""
        inner = np.float32(INNER_RADII[CLASS_NAMES[self.kind]] * self.radius)
        centre = self.corners[0]
        distance = np.hypot(x - np.float32(centre.real), y - np.float32(centre.imag))
        outside = distance - np.float32(self.radius)
        return np.maximum(outside, inner - distance) if inner else outside

    def _distance(self, x: Reals, y: Reals) -> Reals:
        """Return the distance of points from a polygon's outline, below 0 inside it."""
        begins = self.corners.astype(np.complex64)[:, None, None]
        lines = np.concatenate([begins[1:], begins[:1]]) - begins
        across, down = x - begins.real, y - begins.imag
        lengths = (lines.real**2 + lines.imag**2).astype(np.float32)
        share = np.clip((across * lines.real + down * lines.imag) / lengths, 0, 1)
        square = (across - share * lines.real) ** 2 + (down - share * lines.imag) ** 2
        distance = np.sqrt(square.min(axis=0))
        # a point is inside where a ray to the right crosses an odd number of edges
        is_between = (down < 0) != (down < lines.imag)
        is_left = (across * lines.imag < down * lines.real) == (lines.imag > 0)
        is_inside = np.logical_xor.reduce(is_between & is_left, axis=0)
        return np.where(is_inside, -distance, distance)
