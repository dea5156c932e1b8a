"""The images of generated tasks, kept in the user's cache folder.

A file holds the first images of one split, for one seed and one set of parameters. They are drawn
again where it is damaged, holds too few of them, or is of another version of the task.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

import numpy as np

from trainers.data.cache_folder import made_once
from trainers.data.generated.generated_task import GeneratedTask, Images
from trainers.data.sources.part_names import Part
from trainers.data.whole_file import DAMAGES_OF_ARRAYS, whole_file
from trainers.settings import Settings

FOLDER = "generated"

log = logging.getLogger(__name__)


def kept_images(
    task: GeneratedTask, settings: Settings, *, seed: int, part: Part, count: int
) -> Images:
    """Return a split's first images, [count, H, W], from the cache where they are there.

    Args:
        task: the task, of these settings.
        settings: all its parameters.
        seed: of what is drawn.
        part: the split.
        count: of images.

    Raises:
        DataError: the images can hardly ever be drawn with these parameters.
    """
    key = json.dumps([task.name, task.version, settings.model_dump(mode="json"), seed, part])
    digest = hashlib.blake2b(key.encode(), digest_size=8).hexdigest()

    def write(path: Path, images: Images) -> None:
        with whole_file(path) as file:
            np.savez(file, images=images, key=np.frombuffer(key.encode(), np.uint8))

    return made_once(
        FOLDER,
        f"{task.name}-{part}-{digest}.npz",
        read=lambda path: _read(path, key, (count, task.pixels, task.pixels)),
        make=lambda: task.images(seed, part, count),
        write=write,
        unread=f"images of {task.name} cannot be read or kept",
        unkept=f"images of {task.name} are not kept, and drawn each time",
    )


def _read(path: Path, key: str, shape: tuple[int, int, int]) -> Images | None:
    """Read the first images of a file; None if it is not there, damaged or has too few.

    Raises:
        OSError: the file is there and cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            if stored["key"].tobytes() != key.encode():
                raise ValueError("it holds other images than its name says")
            images = stored["images"]
            if images.dtype != np.uint8 or images.shape[1:] != shape[1:]:
                raise ValueError(f"its images are {images.dtype} {list(images.shape)}")
    except FileNotFoundError:
        return None
    except DAMAGES_OF_ARRAYS as error:
        log.warning("the images in %s are damaged (%s); they are drawn again", path, error)
        return None
    return images[: shape[0]] if len(images) >= shape[0] else None
