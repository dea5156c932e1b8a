"""Drawing the images of a generated task: each a function of seed, split and its own number."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from trainers.data.generated import pathfinder, pointer_value_retrieval
from trainers.data.generated.pathfinder_settings import PathfinderSettings
from trainers.data.generated.pointer_value_retrieval_settings import PointerValueRetrievalSettings
from trainers.data.sources.part_names import PARTS, Part

BLOCK_IMAGES = 256
"""Images that are drawn together, all of them even where fewer are wanted: a part of the tasks'
definition, so that another number needs another version of each."""

LOG_EVERY_SECONDS = 10.0

Labels = npt.NDArray[np.int64]
Images = npt.NDArray[np.uint8]
DrawImages = Callable[[np.random.Generator, Labels], Images]
"""Draws images, [B, H, W], for labels, [B]."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GeneratedTask:
    """A task with its parameters.

    Attributes:
        name: of the task.
        version: of its images; it changes whenever equal parameters give other images.
        pixels: side of the square images.
        class_names: one a class.
        drawer: returns what draws the images of a split, for a seed.
    """

    name: str
    version: int
    pixels: int
    class_names: tuple[str, ...]
    drawer: Callable[[int, Part], DrawImages]

    def labels(self, count: int) -> Labels:
        """Return the labels of a split's first images, [count]: the classes in turn."""
        return np.arange(count) % len(self.class_names)

    def images(self, seed: int, part: Part, count: int) -> Images:
        """Draw a split's first images, [count, pixels, pixels].

        An image depends on seed, split, parameters and its own number, not on ``count``.

        Args:
            seed: of everything that is drawn.
            part: the split.
            count: of images.

        Raises:
            DataError: the images can hardly ever be drawn with these parameters.
        """
        images = np.empty((count, self.pixels, self.pixels), np.uint8)
        if not count:
            return images
        draw = self.drawer(seed, part)
        logged = time.monotonic()
        for begin in range(0, count, BLOCK_IMAGES):
            block = begin // BLOCK_IMAGES
            labels = (begin + np.arange(BLOCK_IMAGES)) % len(self.class_names)
            drawn = draw(np.random.default_rng((seed, PARTS.index(part), block)), labels)
            images[begin : begin + BLOCK_IMAGES] = drawn[: count - begin]
            if time.monotonic() - logged > LOG_EVERY_SECONDS:
                logged = time.monotonic()
                done = min(begin + BLOCK_IMAGES, count)
                log.warning("drawing %s, once: %d of %d %s images", self.name, done, count, part)
        return images


def pathfinder_task(settings: PathfinderSettings) -> GeneratedTask:
    """Return Pathfinder with these parameters."""

    def drawer(seed: int, part: Part) -> DrawImages:
        return partial(pathfinder.pathfinder_images, settings)

    return GeneratedTask("pathfinder", 1, settings.pixels, pathfinder.CLASS_NAMES, drawer)


def pointer_value_retrieval_task(settings: PointerValueRetrievalSettings) -> GeneratedTask:
    """Return pointer value retrieval with these parameters."""
    return GeneratedTask(
        "pointer_value_retrieval",
        1,
        settings.pixels,
        pointer_value_retrieval.CLASS_NAMES,
        partial(pointer_value_retrieval.pointer_value_images, settings),
    )
