"""Shapes: find the objects of an image, and tell each by its outline.

Each image has several shapes of random kind, place, size, turn and colour that overlap, on a
textured ground. Colours and textures do not depend on the kind.

The box of an object is that of its whole outline, with what other objects hide of it, and lies in
the image. Of every object at least ``least_visible`` of the area is seen: a shape that would hide
more of an earlier one is placed elsewhere. So no object is too hidden to be marked, and none is
left unmarked.
"""

from __future__ import annotations

from functools import cache
from math import cos, exp, log, pi, sin

import numpy as np
import numpy.typing as npt

from trainers.boxes import COLUMNS, OBJECT
from trainers.data.generated.shape_outlines import CLASS_NAMES, Coverage, Shape
from trainers.data.generated.shapes_settings import ShapesSettings
from trainers.errors import DataError

TRIES = 50
"""Shapes that are tried for an object's place before the drawing is given up."""

MOST_ROUNDS = 20
"""Times that a drawing is given up for want of room."""

COLOURS_TRIED = 8
LEAST_CONTRAST = 0.3
"""The distance that an object's colour keeps from those of the ground, each channel from 0 to 1."""

LATTICES = (3, 6, 12, 24)
"""Points along a side of the random lattices that make the ground."""

WHITE = 255

Image = npt.NDArray[np.uint8]
Colours = npt.NDArray[np.float32]
Rows = npt.NDArray[np.float32]


def shapes_image(settings: ShapesSettings, rng: np.random.Generator) -> tuple[Image, Rows]:
    """Draw an image.

    Args:
        settings: of the task.
        rng: draws everything.

    Returns:
        [3, pixels, pixels], and its objects [m, 6] as :mod:`trainers.boxes` has them, from the one
        farthest behind to the one in front.

    Raises:
        DataError: the objects hardly ever have room.
    """
    placed = placed_shapes(settings, rng)
    ground = rng.random((2, 3), np.float32)
    image = _ground(settings.pixels, ground, rng)
    for _, (rows, columns, share) in placed:
        under = image[:, rows, columns]
        under += (_fill(share.shape, ground, rng) - under) * share
    image *= WHITE
    if settings.noise:
        image += np.float32(settings.noise) * rng.standard_normal(image.shape, np.float32)
    objects = np.array([(*shape.box, shape.kind, OBJECT) for shape, _ in placed], np.float32)
    return np.rint(image).clip(0, WHITE).astype(np.uint8), objects.reshape(-1, COLUMNS)


def placed_shapes(
    settings: ShapesSettings, rng: np.random.Generator
) -> list[tuple[Shape, Coverage]]:
    """Draw the shapes of an image, from the one farthest behind to the one in front.

    Raises:
        DataError: they hardly ever have room.
    """
    count = int(rng.integers(settings.fewest_objects, settings.most_objects, endpoint=True))
    for _ in range(MOST_ROUNDS):
        placed = _tried_shapes(settings, rng, count)
        if placed is not None:
            return placed
    raise DataError(
        f"data 'shapes': {count} objects found no room in {MOST_ROUNDS} x {TRIES} tries: fewer or "
        "smaller ones are needed, or ones that hide more of each other, got "
        f"most_objects={settings.most_objects}, largest_fraction={settings.largest_fraction:g}, "
        f"least_visible={settings.least_visible:g}"
    )


def _tried_shapes(
    settings: ShapesSettings, rng: np.random.Generator, count: int
) -> list[tuple[Shape, Coverage]] | None:
    """Place shapes one after the other; return None where one finds no room."""
    placed: list[tuple[Shape, Coverage]] = []
    least_seen = np.zeros(count)  # pixels of each
    in_front = np.full((settings.pixels, settings.pixels), -1)  # the shape that a pixel shows
    for number in range(count):
        for _ in range(TRIES):
            shape = _random_shape(settings, rng)
            rows, columns, share = coverage = shape.coverage()
            is_covered = share >= 0.5
            hidden = in_front[rows, columns][is_covered]
            seen = np.bincount(in_front[in_front >= 0], minlength=count)
            seen -= np.bincount(hidden[hidden >= 0], minlength=count)
            if (seen >= least_seen).all():
                break
        else:
            return None
        placed.append((shape, coverage))
        least_seen[number] = settings.least_visible * is_covered.sum()
        in_front[rows, columns][is_covered] = number
    return placed


def _random_shape(settings: ShapesSettings, rng: np.random.Generator) -> Shape:
    kind = int(rng.integers(len(CLASS_NAMES)))
    turn = settings.rotation_degrees * rng.uniform(-1, 1)
    smallest, largest = settings.smallest_fraction, settings.largest_fraction
    shape = Shape.of(kind, turn, settings.pixels * exp(rng.uniform(log(smallest), log(largest))))
    _, _, width, height = shape.box
    x, y = (rng.random() * (settings.pixels - side) for side in (width, height))
    return shape.moved(x + 1j * y)


def _ground(pixels: int, colours: Colours, rng: np.random.Generator) -> Colours:
    """Draw a texture between two colours, [3, pixels, pixels], from 0 to 1."""
    field = np.zeros((pixels, pixels), np.float32)
    for points in LATTICES:
        weights = _weights(points, pixels)
        field += weights @ rng.standard_normal((points, points), np.float32) @ weights.T
    share = np.clip(0.5 + 0.25 * field, 0, 1)
    first, second = colours[:, :, None, None]
    return first + (second - first) * share


@cache
def _weights(points: int, pixels: int) -> npt.NDArray[np.float32]:
    """Return the weights of evenly spaced points in the pixels between them, [pixels, points]."""
    places = np.linspace(0, points - 1, pixels, dtype=np.float32)
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(points, dtype=np.float32)))


def _fill(shape: tuple[int, int], ground: Colours, rng: np.random.Generator) -> Colours:
    """Draw an object's inside, [3, H, W]: waves of a random direction in one colour."""
    colour = _colour(ground, rng)[:, None, None]
    angle, phase, length = rng.uniform(0, 2 * pi), rng.uniform(0, 2 * pi), rng.uniform(4, 16)
    x, y = (np.arange(side, dtype=np.float32) * np.float32(2 * pi / length) for side in shape[::-1])
    wave = np.sin(
        x * np.float32(cos(angle)) + (y * np.float32(sin(angle)) + np.float32(phase))[:, None]
    )
    return np.clip(colour + np.float32(rng.uniform(0, 0.15)) * wave, 0, 1)


def _colour(ground: Colours, rng: np.random.Generator) -> Colours:
    """Draw a colour that is unlike those of the ground: [3], from 0 to 1."""
    tried = rng.random((COLOURS_TRIED, 3), np.float32)
    first, line = ground[0], ground[1] - ground[0]
    share = np.clip((tried - first) @ line / (line @ line), 0, 1)
    contrast = np.linalg.norm(tried - first - share[:, None] * line, axis=1)
    enough = np.flatnonzero(contrast >= LEAST_CONTRAST)
    return tried[enough[0] if len(enough) else contrast.argmax()]
