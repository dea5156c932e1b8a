"""The index of tar shards: where each picture begins, how long it is, and its label.

It is made once, by reading the shards' headers and labels, and kept in the user's cache folder. It
is made again where a shard's name, size or time of change differs, or its own file is damaged.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from trainers.data.cache_folder import made_once
from trainers.data.pictures.pixels import image_suffixes
from trainers.data.sources.byte_strings import ByteStrings
from trainers.data.sources.tar_samples import Shard
from trainers.data.whole_file import DAMAGES_OF_ARRAYS, whole_file
from trainers.errors import listed_problems

VERSION = 1
"""The version of the index; those of others are made again."""

LOG_EVERY_SECONDS = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TarIndex:
    """The pictures of all shards, in the shards' order.

    Attributes:
        shard, offset, size, label: int64 [N]: the shard's number, the first byte's place in it, the
            number of bytes, and the number of the label's text.
        names: of the pictures in their shards, N of them.
        label_texts: as the samples have them, each once.
        left_out: what is neither a picture nor a label, a line or none.
    """

    shard: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    label: npt.NDArray[np.int64]
    names: ByteStrings
    label_texts: tuple[str, ...]
    left_out: tuple[str, ...]

    def write(self, path: Path, signature: str) -> None:
        """Write a file that appears whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        ends, content = self.names.arrays
        description = {
            "signature": signature,
            "label_texts": self.label_texts,
            "left_out": self.left_out,
        }
        described = np.frombuffer(json.dumps(description).encode(), np.uint8)
        with whole_file(path) as file:
            np.savez(
                file,
                places=np.stack([self.shard, self.offset, self.size, self.label]),
                name_ends=ends,
                name_bytes=content,
                description=described,
            )

    @classmethod
    def read(cls, path: Path, signature: str) -> Self | None:
        """Read what :meth:`write` wrote; None if there is none of this signature, or no whole one.

        Raises:
            OSError: the file is there and cannot be read.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                description = json.loads(stored["description"].tobytes())
                if description["signature"] != signature:
                    return None
                shard, offset, size, label = stored["places"]
                names = ByteStrings.of_arrays(stored["name_ends"], stored["name_bytes"])
                texts, left_out = map(tuple, (description["label_texts"], description["left_out"]))
        except FileNotFoundError:
            return None
        except DAMAGES_OF_ARRAYS as error:
            log.warning("the index of tar shards %s is damaged (%s); it is made again", path, error)
            return None
        return cls(shard, offset, size, label, names, texts, left_out)


def index_of(root: Path, shards: Sequence[Path], place: str) -> TarIndex:
    """Return the index of shards, from the cache where it is there.

    Args:
        root: the folder in which the shards' names begin.
        shards: the files.
        place: opens every message.

    Raises:
        DataError: shards are compressed, truncated or damaged, or samples are not a picture and a
            label, with all that is wrong in them.
    """
    signature = _signature(root, shards)
    return made_once(
        "tar_shards",
        f"{_digest(os.fsencode(root.resolve()))}.npz",
        read=lambda path: TarIndex.read(path, signature),
        make=lambda: _make(root, shards, place),
        write=lambda path, index: index.write(path, signature),
        unread="an index of tar shards cannot be read or kept",
        unkept="the index of the tar shards is not kept, and made each time",
    )


def _signature(root: Path, shards: Sequence[Path]) -> str:
    """Return a digest of all that an index depends on."""
    stats = [shard.stat() for shard in shards]
    keys = [
        [str(shard.relative_to(root)), stat.st_size, stat.st_mtime_ns]
        for shard, stat in zip(shards, stats, strict=True)
    ]
    return _digest(json.dumps([VERSION, sorted(image_suffixes()), keys]).encode())


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _make(root: Path, shards: Sequence[Path], place: str) -> TarIndex:
    suffixes = image_suffixes()
    places = [np.empty((4, 0), np.int64)]
    names: list[str] = []
    problems: list[str] = []
    texts: dict[str, int] = {}
    other_endings: Counter[str] = Counter()
    for number, path in enumerate(_with_progress(shards, root)):
        shard = Shard(path, str(path.relative_to(root)), suffixes)
        problems += shard.problems
        other_endings += shard.other_endings
        if problems:
            continue
        rows = []
        for sample in shard.samples.values():
            ((name, offset, size),), text = sample.pictures, sample.label
            assert text is not None  # else it is a problem
            rows.append((number, offset, size, texts.setdefault(text, len(texts))))
            names.append(name)
        places.append(np.array(rows, np.int64).reshape(-1, 4).T)
    if problems:
        raise listed_problems(place, problems)
    shard_numbers, offset, size, label = np.concatenate(places, axis=1)
    left_out = tuple(_left_out(other_endings))
    return TarIndex(shard_numbers, offset, size, label, ByteStrings(names), tuple(texts), left_out)


def _with_progress(shards: Sequence[Path], root: Path) -> Iterator[Path]:
    """Yield the shards, and log how far it is where that takes long."""
    logged = time.monotonic()
    for number, shard in enumerate(shards):
        if time.monotonic() - logged > LOG_EVERY_SECONDS:
            logged = time.monotonic()
            log.warning(
                "making the index of %s, once: %d of %d tar shards", root, number, len(shards)
            )
        yield shard


def _left_out(other_endings: Counter[str]) -> Iterator[str]:
    if other_endings:
        counted = (
            f"{count} {ending or 'without'}" for ending, count in other_endings.most_common()
        )
        yield (
            f"{other_endings.total()} files in the shards that are neither pictures nor labels are "
            f"left out, by their endings: {', '.join(counted)}"
        )
