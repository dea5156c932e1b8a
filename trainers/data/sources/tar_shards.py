"""Tar shards in WebDataset's form, read at their places: ``train-000000.tar``, ...

Shards are parts by their whole names or top folders, as Parquet files are. A file ``classes.txt``
beside them names the classes, one a line, by whose places the numbers among the labels count from
0; without it the labels' texts are the names. Nothing is unpacked, and no shard is kept open.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainers.data.config import DataConfig
from trainers.data.sources.byte_strings import ByteStrings
from trainers.data.sources.classes_file import CLASSES_FILE, read_classes
from trainers.data.sources.labelled_set import LabelledPart, LabelledSet
from trainers.data.sources.listed_names import listed
from trainers.data.sources.part_files import files_of_parts
from trainers.data.sources.part_names import Part
from trainers.data.sources.some_pictures import selected
from trainers.data.sources.table_labels import HIGHEST_CLASS, class_numbers
from trainers.data.sources.tar_index import TarIndex, index_of
from trainers.errors import DataError

COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tar.lz4")


class TarPictures:
    """The pictures in the shards of an index.

    Args:
        root: the folder of the shards.
        shards: the shards' paths in it, by their numbers.
        index: of all shards.
    """

    def __init__(self, root: Path, shards: ByteStrings, index: TarIndex) -> None:
        self._root = root
        self._shards = shards
        self._index = index

    def name(self, index: int) -> str:
        """Return the shard and the file in it."""
        return f"{self._shards[self._index.shard[index]]}/{self._index.names[index]}"

    def file(self, index: int) -> io.BytesIO:
        """Read one picture's bytes.

        Raises:
            OSError: the shard cannot be read, or is shorter than when its index was made.
        """
        size, offset = int(self._index.size[index]), int(self._index.offset[index])
        shard = os.open(self._root / self._shards[self._index.shard[index]], os.O_RDONLY)
        try:
            content = os.pread(shard, size, offset)
        finally:
            os.close(shard)
        if len(content) < size:
            raise OSError(f"the shard ends before byte {offset + size}, where it should end")
        return io.BytesIO(content)

    @property
    def mode(self) -> None:
        """None: shards say nothing of their pictures' mode."""
        return None

    def stored_names(self) -> Iterator[str]:
        """Yield the shards and the files in them."""
        return map(self.name, range(len(self._index.size)))

    def sizes_bytes(self) -> npt.NDArray[np.int64]:
        """Return the sizes of the files, int64 [N]."""
        return self._index.size


def read_tar_shards(config: DataConfig) -> LabelledSet:
    """Find the parts, classes and pictures of tar shards; no picture is decoded.

    Raises:
        DataError: there are no shards, or compressed, truncated or damaged ones; a sample is not a
            picture and a label; a label has no class.
    """
    place = f"data set {config.name!r}"
    assert config.path is not None
    path = Path(config.path).expanduser()
    if not path.exists():
        raise DataError(f"{place}: the path {config.path!r} does not exist")
    root = path if path.is_dir() else path.parent
    there = sorted(file for file in path.rglob("*") if file.is_file()) or [path]
    _check_not_compressed(there, place)
    try:
        files = files_of_parts(path, ".tar")
    except ValueError as error:
        raise DataError(f"{place}: cannot read {config.path!r}: {error}") from error
    if "train" not in files:
        raise DataError(f"{place}: {config.path!r} has no train part, only {', '.join(files)}")
    shards = [file for part in files.values() for file in part]
    index = index_of(root, shards, place)
    names = ByteStrings(str(shard.relative_to(root)) for shard in shards)
    ends = np.searchsorted(index.shard, np.cumsum([len(part) for part in files.values()]))
    rows = dict(zip(files, np.split(np.arange(len(index.shard)), ends[:-1]), strict=True))
    number_of, class_names, problems = _classes(root / CLASSES_FILE, index, rows, place)
    whole = LabelledPart(number_of[index.label], TarPictures(root, names, index))
    parts = {part: selected(whole, own) for part, own in rows.items()}
    read = {*shards, root / CLASSES_FILE}
    others = [str(file.relative_to(root)) for file in there if file not in read]
    said = [f"{len(others)} files that are no shards are left out: {listed(others)}"]
    left_out = (*(said if others else ()), *index.left_out)
    return LabelledSet(parts, class_names, left_out, tuple(problems))


def _check_not_compressed(files: list[Path], place: str) -> None:
    if packed := [file.name for file in files if file.name.lower().endswith(COMPRESSED)]:
        raise DataError(
            f"{place}: {listed(packed)} are compressed: pictures are read at their places, which "
            "compressed shards do not allow; unpack them to .tar"
        )


def _classes(
    file: Path, index: TarIndex, rows: dict[Part, npt.NDArray[np.int64]], place: str
) -> tuple[npt.NDArray[np.int64], tuple[str, ...], list[str]]:
    """Return the class of each of the labels' texts, the names, and what is wrong with these."""
    texts: Sequence[str] = index.label_texts
    declared = None
    if file.is_file():
        declared = read_classes(file, place)
        texts = [_meant(text, declared) for text in texts]
        if unknown := [
            f"{text!r} (such as {index.names[int(np.argmax(index.label == number))]})"
            for number, text in enumerate(texts)
            if text not in declared
        ]:
            raise DataError(f"{place}: {CLASSES_FILE} has no class {', '.join(unknown[:5])}")
    else:
        highest = max((int(text) for text in texts if text.isdecimal()), default=0)
        if highest > HIGHEST_CLASS:
            raise DataError(
                f"{place}: there is the label {highest}, over {HIGHEST_CLASS:,}: the shards seem "
                "to hold ids, not classes"
            )
    occurring = {
        part: {texts[number] for number in np.unique(index.label[own]).tolist()}
        for part, own in rows.items()
    }
    numbers, problems = class_numbers(occurring, declared)
    return np.array([numbers[text] for text in texts], np.int64), tuple(numbers), problems


def _meant(text: str, declared: Sequence[str]) -> str:
    """Return the class name that a label's text is, or counts to."""
    if text.isdecimal() and int(text) < len(declared):
        return declared[int(text)]
    return text
