"""The images of generated tasks and their labels, kept in the user's cache folder.

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
from trainers.data.generated.generated_task import Drawn, GeneratedTask
from trainers.data.sources.part_names import Part
from trainers.data.whole_file import DAMAGES_OF_ARRAYS, whole_file
from trainers.settings import Settings

FOLDER = "generated"

FORM = 2
"""The form of the files: it changes with what is in them."""

log = logging.getLogger(__name__)


def kept_images(
    task: GeneratedTask, settings: Settings, *, seed: int, part: Part, count: int
) -> Drawn:
    """Return a split's first images, from the cache where they are there.

    Args:
        task: the task, of these settings.
        settings: all its parameters.
        seed: of what is drawn.
        part: the split.
        count: of images.

    Raises:
        DataError: the images can hardly ever be drawn with these parameters.
    """
    parameters = settings.model_dump(mode="json")
    key = json.dumps([FORM, task.name, task.version, parameters, seed, part])
    digest = hashlib.blake2b(key.encode(), digest_size=8).hexdigest()

    def write(path: Path, drawn: Drawn) -> None:
        with whole_file(path) as file:
            np.savez(file, **drawn._asdict(), key=np.frombuffer(key.encode(), np.uint8))

    return made_once(
        FOLDER,
        f"{task.name}-{part}-{digest}.npz",
        read=lambda path: _read(path, key, task, count),
        make=lambda: task.drawn(seed, part, count),
        write=write,
        unread=f"images of {task.name} cannot be read or kept",
        unkept=f"images of {task.name} are not kept, and drawn each time",
    )


def _read(path: Path, key: str, task: GeneratedTask, count: int) -> Drawn | None:
    """Read the first images of a file; None if it is not there, damaged or has too few.

    Raises:
        OSError: the file is there and cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            if stored["key"].tobytes() != key.encode():
                raise ValueError("it holds other images than its name says")
            drawn = Drawn(stored["images"], stored["labels"])
            blank = task.blank(len(drawn.labels))
            for name, own, expected in zip(Drawn._fields, drawn, blank, strict=True):
                if own.dtype != expected.dtype or own.shape != expected.shape:
                    raise ValueError(f"its {name} are {own.dtype} {list(own.shape)}")
    except FileNotFoundError:
        return None
    except DAMAGES_OF_ARRAYS as error:
        log.warning("the images in %s are damaged (%s); they are drawn again", path, error)
        return None
    return drawn.first(count) if len(drawn.labels) >= count else None
