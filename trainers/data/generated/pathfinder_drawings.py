"""The drawings of Pathfinder: where its paths and dots lie, so that only the paths tell the label.

Both classes have the same paths: two long ones and the distractors. ``joined`` has dots at both
ends of the first long path; ``apart`` at one end of each. The second path begins at the mirror
image of the first one's last end, in the mirrored direction; the mirror is the line along the
first path's first dash. A drawing that is ``apart`` is mirrored as a whole: its second path then
begins where, in one that is ``joined``, the first path ends. A pair of paths is accepted only if it
has room in both ways, and turns to both sides are equally likely. Therefore

- the two dots with the dashes on which they lie have one distribution in both classes, and so has
  the distance between them;
- all paths without the dots have one distribution in both classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import pi
from typing import NamedTuple

import numpy as np

from trainers.data.generated.dashed_paths import (
    Flags,
    Points,
    keep_clear,
    keep_clear_of_themselves,
    random_paths,
    sampled,
)
from trainers.data.generated.pathfinder_settings import PathfinderSettings
from trainers.errors import DataError

PROPOSALS = 1024
"""Pairs of long paths that are proposed together."""

MOST_PROPOSALS = 1_000_000
"""Pairs of long paths that are tried for one block of images."""

TRIES = 100
"""Places that are tried for a distractor before its drawing is given up."""

MOST_ROUNDS = 50
"""Times that the drawings of a block are given up for want of room for distractors."""


class Drawings(NamedTuple):
    """The geometry of N images, in pixels from their upper left corner.

    Attributes:
        long_paths: [N, 2, 2 dashes], the corners of the two long paths.
        distractors: [N, distractors, 2 distractor_dashes], those of the others.
        dots: [N, 2], their centres.
    """

    long_paths: Points
    distractors: Points
    dots: Points

    def take(self, chosen: Flags) -> Drawings:
        """Return the chosen drawings."""
        return Drawings(*(each[chosen] for each in self))


def draw(settings: PathfinderSettings, rng: np.random.Generator, is_joined: Flags) -> Drawings:
    """Draw images of the given classes.

    Args:
        settings: of the paths.
        rng: draws everything.
        is_joined: [N], whether the dots are on one path.

    Raises:
        DataError: the paths hardly ever have room.
    """
    count = len(is_joined)
    long_paths = np.empty((count, 2, 2 * settings.dashes), complex)
    distractors = np.empty((count, settings.distractors, 2 * settings.distractor_dashes), complex)
    dots = np.empty((count, 2), complex)
    missing = np.arange(count)
    for _ in range(MOST_ROUNDS):
        paths, ends = long_pairs(settings, rng, is_joined[missing])
        others, have_room = _distractors(settings, rng, paths)
        filled = missing[have_room]
        long_paths[filled], dots[filled] = paths[have_room], ends[have_room]
        distractors[filled] = others[have_room]
        missing = missing[~have_room]
        if not len(missing):
            return Drawings(long_paths, distractors, dots)
    raise DataError(
        f"data 'pathfinder': {len(missing)} of {count} drawings found no room for "
        f"distractors={settings.distractors} in {MOST_ROUNDS} x {TRIES} tries: fewer or shorter "
        f"ones, a smaller clearance or more pixels are needed, got {_shown(settings)}"
    )


def long_pairs(
    settings: PathfinderSettings, rng: np.random.Generator, is_joined: Flags
) -> tuple[Points, Points]:
    """Draw the two long paths of images, and their dots; the draws do not depend on the classes.

    Args:
        settings: of the paths.
        rng: draws the paths.
        is_joined: [N].

    Returns:
        corners [N, 2, 2K] and dots [N, 2].

    Raises:
        DataError: a pair hardly ever has room.
    """
    count = len(is_joined)
    pairs = np.empty((0, 2, 2 * settings.dashes), complex)
    turns, shifts = np.empty(0, complex), np.empty(0, complex)
    tried = 0
    for proposed, turn, shift in _proposals(settings, rng):
        accepted = _have_room(proposed, settings)
        pairs = np.concatenate([pairs, proposed[accepted]])
        turns = np.concatenate([turns, turn[accepted]])
        shifts = np.concatenate([shifts, shift[accepted]])
        tried += PROPOSALS
        if len(pairs) >= count:
            break
        if tried > MOST_PROPOSALS:
            raise DataError(
                f"data 'pathfinder': {len(pairs)} of {tried:,} pairs of long paths have room, and "
                f"{count} are needed: fewer dashes, more bend, a smaller clearance or more pixels "
                f"are needed, got {_shown(settings)}"
            )
    pairs = np.where(is_joined[:, None, None], pairs[:count], pairs[:count].conj())
    pairs = pairs * turns[:count, None, None] + shifts[:count, None, None]
    first = pairs[:, 0, 0]
    second = np.where(is_joined, pairs[:, 0, -1], pairs[:, 1, 0])
    return pairs, np.stack([first, second], axis=1)


def _proposals(
    settings: PathfinderSettings, rng: np.random.Generator
) -> Iterator[tuple[Points, Points, Points]]:
    """Yield pairs of paths that fit into the image both ways, with the turn and shift into it.

    The first path begins at 0 in the direction of the real axis, which is the mirror.
    """
    room = settings.pixels - 2 * settings.margin
    start, heading = np.zeros(PROPOSALS, complex), np.zeros(PROPOSALS)
    while True:
        first = random_paths(rng, settings.dashes, settings, start=start, heading=heading)
        second = random_paths(
            rng,
            settings.dashes,
            settings,
            start=first.corners[:, -1].conj(),
            heading=-(first.last_heading + pi),
        )
        pairs = np.stack([first.corners, second.corners], axis=1)
        turn = np.exp(1j * rng.uniform(0, 2 * pi, PROPOSALS))
        both_ways = np.stack([pairs, pairs.conj()], axis=1).reshape(PROPOSALS, -1)
        both_ways = both_ways * turn[:, None]
        shift, fits = _shifts(both_ways, room, settings.margin, rng)
        yield pairs[fits], turn[fits], shift[fits]


def _have_room(pairs: Points, settings: PathfinderSettings) -> Flags:
    """Return whether two paths are clear of each other, and each of itself."""
    points = sampled(pairs, settings)
    accepted = keep_clear(points[:, 0], points[:, 1], settings)
    for path in (0, 1):
        kept = np.flatnonzero(accepted)
        own = points[kept, path]
        accepted[kept] = keep_clear_of_themselves(own, settings.dashes, settings)
    return accepted


def _distractors(
    settings: PathfinderSettings, rng: np.random.Generator, paths: Points
) -> tuple[Points, Flags]:
    """Place distractors one after the other; return their corners, and where all found room."""
    count, dashes = len(paths), settings.distractor_dashes
    placed = np.zeros((count, settings.distractors, 2 * dashes), complex)
    occupied = sampled(paths, settings).reshape(count, -1)
    have_room = np.ones(count, bool)
    for number in range(settings.distractors):
        waiting = np.flatnonzero(have_room)
        for _ in range(TRIES):
            if not len(waiting):
                break
            corners, fits = _distractor(settings, rng, len(waiting))
            own = sampled(corners, settings)
            fits &= keep_clear(own, occupied[waiting], settings)
            placed[waiting[fits], number] = corners[fits]
            waiting = waiting[~fits]
        have_room[waiting] = False
        occupied = np.concatenate([occupied, sampled(placed[:, number], settings)], axis=1)
    return placed, have_room


def _distractor(
    settings: PathfinderSettings, rng: np.random.Generator, count: int
) -> tuple[Points, Flags]:
    """Propose a distractor for each of some images; return its corners, and whether it fits."""
    dashes = settings.distractor_dashes
    heading = rng.uniform(0, 2 * pi, count)
    start = np.zeros(count, complex)
    corners = random_paths(rng, dashes, settings, start=start, heading=heading).corners
    room = settings.pixels - 2 * settings.margin
    shift, fits = _shifts(corners, room, settings.margin, rng)
    fits &= keep_clear_of_themselves(sampled(corners, settings), dashes, settings)
    return corners + shift[:, None], fits


def _shifts(
    points: Points, room: float, margin: float, rng: np.random.Generator
) -> tuple[Points, Flags]:
    """Draw uniform shifts of figures into the image; return them, and where a figure fits."""
    sides, fits = [], np.ones(len(points), bool)
    for each in (points.real, points.imag):
        least, extent = each.min(axis=1), np.ptp(each, axis=1)
        fits &= extent <= room
        sides.append(margin - least + rng.random(len(points)) * (room - extent))
    return sides[0] + 1j * sides[1], fits


def _shown(settings: PathfinderSettings) -> str:
    names = ("pixels", "dashes", "distractors", "distractor_dashes", "clearance", "bend")
    return ", ".join(f"{name}={getattr(settings, name):g}" for name in names)
