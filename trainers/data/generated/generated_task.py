"""Drawing the images of a generated task: each a function of seed, split and its own number."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from trainers.boxes import COLUMNS
from trainers.data.generated import pathfinder, pointer_value_retrieval, shape_outlines, shapes
from trainers.data.generated.pathfinder_settings import PathfinderSettings
from trainers.data.generated.pointer_value_retrieval_settings import PointerValueRetrievalSettings
from trainers.data.generated.shapes_settings import ShapesSettings
from trainers.data.sources.part_names import PARTS, Part

BLOCK_IMAGES = 256
"""Images that are drawn together, all of them even where fewer are wanted: a part of the tasks'
definition, so that another number needs another version of each."""

LOG_EVERY_SECONDS = 10.0

log = logging.getLogger(__name__)

Numbers = npt.NDArray[np.int64]
Images = npt.NDArray[np.uint8]


class Drawn(NamedTuple):
    """Images [N, C, H, W] and their labels, see :mod:`trainers.data.splits.labels`."""

    images: Images
    labels: npt.NDArray[Any]

    def first(self, count: int) -> Drawn:
        """Return the first images."""
        return Drawn(self.images[:count], self.labels[:count])


Draw = Callable[[np.random.Generator, Numbers], Drawn]
"""Draws the images of some numbers [B], from 0 in each split."""

DrawGrey = Callable[[np.random.Generator, Numbers], Images]
"""Draws images [B, H, W] of given classes [B]."""


@dataclass(frozen=True)
class GeneratedTask:
    """A task with its parameters.

    Attributes:
        name: of the task.
        version: of its images; it changes whenever equal parameters give other images.
        image_shape: (C, H, W).
        class_names: one a class.
        drawer: returns what draws the images of a split, for a seed.
        most_objects: of an image whose labels are objects; None where they are classes.
    """

    name: str
    version: int
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    drawer: Callable[[int, Part], Draw]
    most_objects: int | None = None

    def blank(self, count: int) -> Drawn:
        """Return black images and empty labels."""
        images = np.zeros((count, *self.image_shape), np.uint8)
        if self.most_objects is None:
            return Drawn(images, np.zeros(count, np.int64))
        return Drawn(images, np.zeros((count, self.most_objects, COLUMNS), np.float32))

    def drawn(self, seed: int, part: Part, count: int) -> Drawn:
        """Draw a split's first images.

        An image depends on seed, split, parameters and its own number, not on ``count``.

        Args:
            seed: of everything that is drawn.
            part: the split.
            count: of images.

        Raises:
            DataError: the images can hardly ever be drawn with these parameters.
        """
        whole = self.blank(count)
        if not count:
            return whole
        draw = self.drawer(seed, part)
        logged = time.monotonic()
        for begin in range(0, count, BLOCK_IMAGES):
            rng = np.random.default_rng((seed, PARTS.index(part), begin // BLOCK_IMAGES))
            drawn = draw(rng, begin + np.arange(BLOCK_IMAGES)).first(count - begin)
            for values, own in zip(whole, drawn, strict=True):
                values[begin : begin + BLOCK_IMAGES] = own
            if time.monotonic() - logged > LOG_EVERY_SECONDS:
                logged = time.monotonic()
                done = min(begin + BLOCK_IMAGES, count)
                log.warning("drawing %s, once: %d of %d %s images", self.name, done, count, part)
        return whole


def pathfinder_task(settings: PathfinderSettings) -> GeneratedTask:
    """Return Pathfinder with these parameters."""

    def drawer(seed: int, part: Part) -> DrawGrey:
        return partial(pathfinder.pathfinder_images, settings)

    return _grey_task("pathfinder", settings.pixels, pathfinder.CLASS_NAMES, drawer)


def pointer_value_retrieval_task(settings: PointerValueRetrievalSettings) -> GeneratedTask:
    """Return pointer value retrieval with these parameters."""
    return _grey_task(
        "pointer_value_retrieval",
        settings.pixels,
        pointer_value_retrieval.CLASS_NAMES,
        partial(pointer_value_retrieval.pointer_value_images, settings),
    )


def shapes_task(settings: ShapesSettings) -> GeneratedTask:
    """Return shapes with these parameters."""

    def drawer(seed: int, part: Part) -> Draw:
        def draw(rng: np.random.Generator, numbers: Numbers) -> Drawn:
            drawn = task.blank(len(numbers))
            for image, objects in zip(*drawn, strict=True):
                image[:], own = shapes.shapes_image(settings, rng)
                objects[: len(own)] = own
            return drawn

        return draw

    side = settings.pixels
    task = GeneratedTask(
        "shapes", 1, (3, side, side), shape_outlines.CLASS_NAMES, drawer, settings.most_objects
    )
    return task


def _grey_task(
    name: str,
    pixels: int,
    class_names: tuple[str, ...],
    drawer: Callable[[int, Part], DrawGrey],
) -> GeneratedTask:
    """Return a task of grey images whose classes take turns."""

    def drawer_of_both(seed: int, part: Part) -> Draw:
        draw_grey = drawer(seed, part)

        def draw(rng: np.random.Generator, numbers: Numbers) -> Drawn:
            labels = numbers % len(class_names)
            return Drawn(draw_grey(rng, labels)[:, None], labels)

        return draw

    return GeneratedTask(name, 1, (1, pixels, pixels), class_names, drawer_of_both)
