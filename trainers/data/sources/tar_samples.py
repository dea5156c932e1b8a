"""Samples in a tar shard, in WebDataset's form: the files of one key are a picture and its label.

https://github.com/webdataset/webdataset#the-webdataset-format: a file ``folder/0001.seg.png`` has
the key ``folder/0001`` and the ending ``seg.png``.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

LARGEST_LABEL_BYTES = 2**20
LONGEST_LABEL = 1000
BLOCK_BYTES = 512

_FILE = re.compile(r"(?P<key>(?:.*/)?[^./][^./]*)\.(?P<ending>[^/]+)")
_WHOLE_NUMBER = re.compile(r"-?\d+")


@dataclass
class Sample:
    """The files of one key: the pictures' (name, offset, size in bytes), and labels by endings."""

    pictures: list[tuple[str, int, int]] = field(default_factory=list)
    labels: dict[str, str | None] = field(default_factory=dict)

    @property
    def label(self) -> str | None:
        """The label's text: that of ``KEY.cls``, else the one in ``KEY.json``."""
        return self.labels.get("cls", self.labels.get("json"))


class Shard:
    """The samples of one shard.

    Args:
        path: the file.
        name: opens every message about it.
        suffixes: of images, with their dots.

    Attributes:
        samples: by key, in the shard's order.
        problems: of this shard, a line each; with any, the samples are not all there.
        other_endings: the files that are neither pictures nor labels, counted by their endings.
    """

    def __init__(self, path: Path, name: str, suffixes: frozenset[str]) -> None:
        self.samples: dict[str, Sample] = {}
        self.problems: list[str] = []
        self.other_endings: Counter[str] = Counter()
        self._name = name
        self._suffixes = suffixes
        try:
            with open(path, "rb") as file:
                for member in self._members(file):
                    self._take(member, file)
        except OSError as error:
            self.problems.append(f"{name} cannot be read: {error.strerror or error}")
        self._check()

    def _members(self, file: BinaryIO) -> Iterator[tarfile.TarInfo]:
        """Yield all members; a shard that does not end as tar files do is a problem."""
        begin = file.read(BLOCK_BYTES)
        file.seek(0)
        if (packed := _compression(begin)) is not None:
            self.problems.append(
                f"{self._name} is compressed by {packed}: pictures are read at their places, which "
                "a compressed shard does not allow; unpack it"
            )
            return
        place = 0
        try:
            with tarfile.open(fileobj=file, mode="r:") as opened:
                while (member := opened.next()) is not None:
                    # which would keep every header
                    opened.members = []  # type: ignore[attr-defined]
                    yield member
                place = opened.offset
        except (tarfile.TarError, ValueError) as error:
            self.problems.append(f"{self._name} is truncated, or no tar file: {error}")
            return
        file.seek(place)
        end = file.read(BLOCK_BYTES)
        if len(end) < BLOCK_BYTES:
            self.problems.append(f"{self._name} is truncated: it ends at byte {place + len(end)}")
        elif any(end):
            self.problems.append(f"{self._name} is damaged: no header of a file at byte {place}")

    def _take(self, member: tarfile.TarInfo, file: BinaryIO) -> None:
        name = member.name.removeprefix("./")
        match = _FILE.fullmatch(name)
        if not member.isreg() or member.issparse() or match is None:
            if not member.isdir():
                self.other_endings[Path(name).suffix.lower()] += 1
            return
        key, ending = match["key"], match["ending"].lower()
        if f".{ending}" in self._suffixes:
            sample = self.samples.setdefault(key, Sample())
            sample.pictures.append((name, member.offset_data, member.size))
        elif ending not in ("cls", "json"):
            self.other_endings[f".{ending}"] += 1
        elif member.size > LARGEST_LABEL_BYTES:
            self.problems.append(
                f"{self._name}/{name} is too large for a label: {member.size:,} of at most "
                f"{LARGEST_LABEL_BYTES:,} bytes"
            )
        else:
            file.seek(member.offset_data)
            self._take_label(key, name, ending, file.read(member.size))

    def _take_label(self, key: str, name: str, ending: str, content: bytes) -> None:
        try:
            text = content.decode()
            label = _label(text.strip()) if ending == "cls" else _label_in(json.loads(text))
        except (ValueError, RecursionError) as error:
            self.problems.append(f"{self._name}/{name} is no label: {error}")
            return
        labels = self.samples.setdefault(key, Sample()).labels
        if ending in labels:
            self.problems.append(f"{self._name}/{name} is there twice")
        labels[ending] = label

    def _check(self) -> None:
        """Leave out descriptions of nothing, and note samples that are not whole."""
        if self.problems:  # what is missing may lie beyond them
            return
        for key, sample in list(self.samples.items()):
            place = f"{self._name}, key {key!r}"
            if len(sample.pictures) > 1:
                names = ", ".join(name for name, _, _ in sample.pictures)
                self.problems.append(f"{place} has several pictures: {names}")
            elif sample.label is None and sample.pictures:
                self.problems.append(f"{place} has no label, {key}.cls or {key}.json")
            elif sample.label is None:
                self.other_endings[".json"] += 1
                del self.samples[key]
            elif not sample.pictures:
                self.problems.append(f"{place} has a label and no picture")


def _compression(begin: bytes) -> str | None:
    """Return what packed a file that begins so; None if nothing did."""
    for magic, name in (
        (b"\x1f\x8b", "gzip"),
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\x04\x22\x4d\x18", "lz4"),
    ):
        if begin.startswith(magic):
            return name
    return None


def _label(value: object) -> str:
    """Return a label's text, of whole numbers their decimal digits.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"a label is a whole number or a class name, got {value!r}")
    text = value.strip()
    if len(text) > LONGEST_LABEL:
        raise ValueError(f"a label has at most {LONGEST_LABEL} letters, got {len(text):,}")
    if not _WHOLE_NUMBER.fullmatch(text):
        return text
    if int(text) < 0:
        raise ValueError(f"a label is 0 or more, got {text}")
    return str(int(text))


def _label_in(value: object) -> str | None:
    """Return the label in the value of a JSON file, "label" or else "cls"; None without both."""
    if not isinstance(value, dict):
        return None
    named = [value[key] for key in ("label", "cls") if key in value]
    return _label(named[0]) if named else None
