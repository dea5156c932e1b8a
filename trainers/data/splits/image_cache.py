"""A file of decoded, resized images, mapped into memory: decoded once, and never again.

For sets that do not fit in memory and whose decoding takes longer than training. The images are
those that would be in memory.
"""

from __future__ import annotations

import hashlib
import logging
import math
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from filelock import FileLock

from trainers.data.pictures.decoding_processes import CHUNK_IMAGES, DecodedChunks
from trainers.data.sources.part_names import PARTS, Part
from trainers.data.splits.mapped_split import MappedSplit
from trainers.data.splits.picture_split import PictureSplit
from trainers.data.whole_file import whole_file
from trainers.errors import DataError

log = logging.getLogger(__name__)


def mapped_splits(
    splits: Mapping[Part, PictureSplit], folder: Path, *, content: str, name: str, processes: int
) -> dict[Part, MappedSplit]:
    """Return the splits as parts of one file of a folder, which is written if it is missing.

    Args:
        splits: the pictures.
        folder: of the file; it is made.
        content: identifies what the pictures are, see :mod:`trainers.data.fingerprint`.
        name: of the data set, for the file's name and messages.
        processes: that decode; 0 decodes in this one.

    Raises:
        DataError: the folder cannot be written, its disk is too small, or a picture is damaged.
    """
    whole = splits["train"].joined(splits["validation"]).joined(splits["test"])
    file = folder / _file_name(whole, name, content)
    size = len(whole) * math.prod(whole.image_shape)
    if not (file.is_file() and file.stat().st_size == size):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(file.with_suffix(".lock")):  # others wait, and find it written
                if not (file.is_file() and file.stat().st_size == size):
                    for left in folder.glob(f"{file.stem}.*.tmp"):  # by one that was killed
                        left.unlink()
                    _check_room(folder, size, name)
                    _write(file, whole, processes)
        except OSError as error:
            raise DataError(
                f"data set {name!r}: cannot write decoded images to cache={str(folder)!r}: "
                f"{error.strerror or error}"
            ) from error
    mapped: dict[Part, MappedSplit] = {}
    begin = 0
    for part in PARTS:
        labels = splits[part].labels
        positions = torch.arange(begin, begin + len(labels))
        mapped[part] = MappedSplit(file, len(whole), whole.image_shape, positions, labels)
        begin += len(labels)
    return mapped


def _file_name(whole: PictureSplit, name: str, content: str) -> str:
    """Return a name that other pictures, sizes or choices do not have."""
    digest = hashlib.blake2b(f"{content} {whole.resizing}".encode(), digest_size=8)
    for each in whole.pictures.positions():
        digest.update(each.tobytes())
    safe = "".join(each if each.isalnum() else "-" for each in name)
    return f"{safe}-{digest.hexdigest()}.uint8"


def _check_room(folder: Path, needed_bytes: int, name: str) -> None:
    """Say how much will be written, before it is.

    Raises:
        DataError: the disk has less room.
    """
    free = shutil.disk_usage(folder).free
    if needed_bytes > free:
        raise DataError(
            f"data set {name!r}: its decoded images take {needed_bytes / 1e9:.3g} GB in "
            f"cache={str(folder)!r}, whose disk has {free / 1e9:.3g} GB free"
        )
    log.warning(
        "%s: %.3g GB of decoded images are written to %s, once", name, needed_bytes / 1e9, folder
    )


def _write(file: Path, split: PictureSplit, processes: int) -> None:
    """Decode all pictures into a file."""
    wanted = torch.arange(len(split)).split(CHUNK_IMAGES)
    with whole_file(file) as opened:
        for chunk in DecodedChunks(split.pixels, wanted, processes=processes):
            opened.write(chunk.numpy().tobytes())
