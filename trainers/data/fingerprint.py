"""The fingerprint of a set's content: equal for equal images, wherever and however they are kept.

It depends on class names, and in each part on the pictures' names, labels, sizes and bytes, in
their order. Paths, times, caches and the order in which a system lists a folder do not matter.
"""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from trainers.data.sources.labelled_set import LabelledPart, LabelledSet, Pictures
from trainers.data.sources.part_names import PARTS
from trainers.data.splits.dataset import ImageSplits
from trainers.data.splits.labels import label_numbers
from trainers.errors import DataError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

READ_WHOLE_BYTES = 2**30
READ_WHOLE_FILES = 10_000
"""The bytes of all files count in sets up to this size and number."""

FILES_READ = 1000
"""Files whose bytes count in a larger set, evenly spaced."""

DIGEST_BYTES = 8
IMAGES_AT_ONCE = 1024


class _Content:
    """A hash in which no two sequences of values are written alike."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=DIGEST_BYTES)

    def add(self, value: ReadableBuffer, length: int) -> None:
        self._hash.update(length.to_bytes(8, "little"))
        self._hash.update(value)

    def add_text(self, text: str) -> None:
        encoded = text.encode("utf-8", "surrogateescape")
        self.add(encoded, len(encoded))

    def add_texts(self, texts: tuple[str, ...]) -> None:
        self.add(b"", len(texts))
        for text in texts:
            self.add_text(text)

    def add_numbers(self, numbers: npt.NDArray[np.int64]) -> None:
        self.add(np.ascontiguousarray(numbers, dtype="<i8").data, numbers.size)

    def digest(self) -> str:
        return self._hash.hexdigest()


def fingerprint_of(labelled: LabelledSet) -> str:
    """Return 16 hexadecimal digits of all that is in a set.

    Where the files have over 1 GiB together, or are over 10,000, their names and sizes all count,
    and the bytes of 1,000 of them.

    Raises:
        DataError: a file that counts cannot be read.
    """
    content = _Content()
    content.add_texts(labelled.class_names)
    parts = [(part, labelled.parts[part]) for part in PARTS if part in labelled.parts]
    sizes = [each.pictures.sizes_bytes() for _, each in parts]
    for (part, each), own in zip(parts, sizes, strict=True):
        content.add_text(part)
        for numbers in label_numbers(torch.from_numpy(each.labels)):
            content.add_numbers(numbers)
        content.add_numbers(own)
        for name in each.pictures.stored_names():
            content.add_text(name)
    for (_, each), chosen in zip(parts, _read(sizes), strict=True):
        _add_files(content, each, chosen)
    return content.digest()


def fingerprint_of_splits(splits: ImageSplits) -> str:
    """Return 16 hexadecimal digits of the pixels, labels and class names of the images."""
    content = _Content()
    content.add_texts(splits.class_names)
    for split in (splits.train, splits.validation, splits.test):
        content.add_numbers(np.array((len(split), *split.image_shape)))
        for numbers in label_numbers(split.labels):
            content.add_numbers(numbers)
        for positions in torch.arange(len(split)).split(IMAGES_AT_ONCE):
            pixels = np.ascontiguousarray(split.pixels(positions).cpu().numpy()).reshape(-1)
            content.add(pixels.data, pixels.size)
    return content.digest()


def _read(sizes: list[npt.NDArray[np.int64]]) -> list[npt.NDArray[np.int64]]:
    """Return the places of the files that are read in each part."""
    total = sum(int(own.clip(0).sum()) for own in sizes)
    count = sum(map(len, sizes))
    if (total <= READ_WHOLE_BYTES and count <= READ_WHOLE_FILES) or count <= FILES_READ:
        places = np.arange(count)
    else:
        places = np.arange(FILES_READ) * count // FILES_READ
    ends = np.cumsum([len(own) for own in sizes])
    return [
        inside[own[inside] >= 0]
        for own, end in zip(sizes, ends, strict=True)
        for inside in [places[(places >= end - len(own)) & (places < end)] - (end - len(own))]
    ]


def _add_files(content: _Content, part: LabelledPart, chosen: npt.NDArray[np.int64]) -> None:
    for index in chosen:
        try:
            encoded = _bytes(part.pictures, int(index))
        except OSError as error:
            name = part.pictures.name(int(index))
            raise DataError(f"{name} cannot be read for the fingerprint: {error}") from error
        content.add(encoded, len(encoded))


def _bytes(pictures: Pictures, index: int) -> bytes:
    """Return an encoded picture, which is there."""
    file = pictures.file(index)
    assert file is not None  # its size is known
    if not isinstance(file, io.BytesIO):
        with open(file, "rb") as opened:
            return opened.read()
    return file.getvalue()
