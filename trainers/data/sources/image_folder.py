"""Folders of images: ``[PART/]CLASS/.../IMAGE``, read as they are.

The folders at the top are classes, or all of them are parts: ``train``, ``val``, ``valid``,
``validation``, ``dev`` or ``test``, in any case. A class is a folder with the images anywhere in
it. Links are followed. Whatever is not read is named.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainers.data.config import TestPart
from trainers.data.pictures.pixels import image_suffixes
from trainers.data.sources.byte_strings import ByteStrings
from trainers.data.sources.class_names import name_problems
from trainers.data.sources.labelled_set import LabelledPart, LabelledSet
from trainers.data.sources.listed_names import listed
from trainers.data.sources.part_names import PART_NAMES, PARTS, Part, part_called
from trainers.errors import DataError, listed_problems

NOT_CLASSES = frozenset({".git", ".ipynb_checkpoints", "@eaDir", "__MACOSX"})
"""Folders that programs leave beside a user's."""


@dataclass
class _Walk:
    """The files of one folder of classes, and what is not among them."""

    root: Path  # of the set: names begin in it
    files: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    other_files: list[str] = field(default_factory=list)
    other_folders: list[str] = field(default_factory=list)


class FilePictures:
    """Image files in a folder.

    Args:
        root: the folder.
        names: the files' paths in it.
    """

    def __init__(self, root: Path, names: ByteStrings) -> None:
        self._root = root
        self._names = names

    def name(self, index: int) -> str:
        """Return the file's path in the folder."""
        return self._names[index]

    def file(self, index: int) -> Path:
        """See :meth:`trainers.data.sources.labelled_set.Pictures.file`."""
        return self._root / self._names[index]

    @property
    def mode(self) -> None:
        """None: a folder says nothing of its pictures' mode."""
        return None

    def stored_names(self) -> Iterator[str]:
        """Yield the files' paths in the folder."""
        return iter(self._names)

    def sizes_bytes(self) -> npt.NDArray[np.int64]:
        """Return the files' sizes, int64 [N]; -1 where a link leads nowhere."""
        root = str(self._root)
        sizes = (_size_bytes(os.path.join(root, name)) for name in self._names)
        return np.fromiter(sizes, np.int64, len(self._names))


def read_image_folder(root: Path, name: str, test_part: TestPart = "test") -> LabelledSet:
    """Find the parts, classes and images of a folder; no image is opened.

    Args:
        root: the folder.
        name: of the data set, for messages.
        test_part: with "validation" the test part is not used, and not looked into.

    Raises:
        DataError: it cannot be read; folders at the top are partly parts and partly classes, or
            name a part twice; there is no train part, or no image in it.
    """
    place = f"data set {name!r}"
    try:
        folders = _part_folders(root, place)
        if test_part == "validation" and "validation" in folders:
            folders.pop("test", None)
        walks = {part: _Walk(root) for part in folders}
        classes = {part: _walk_classes(folders[part], walk) for part, walk in walks.items()}
    except OSError as error:
        raise DataError(f"{place}: cannot read {error.filename}: {error.strerror}") from error
    problems = _class_problems(classes, walks)
    if not walks["train"].files:
        stray = listed(walks["train"].other_files)
        nothing = f"no images in folders of classes; beside them: {stray or 'nothing'}"
        raise listed_problems(place, [*problems, nothing])
    number = {name: index for index, name in enumerate(classes["train"])}
    for own_classes in classes.values():
        for each in own_classes:  # those without train images are a problem already
            number.setdefault(each, len(number))
    parts = {}
    for part, walk in walks.items():
        own = np.asarray([number[each] for each in classes[part]], dtype=np.int64)
        labels = own[np.asarray(walk.labels, dtype=np.int64)]
        parts[part] = LabelledPart(labels, FilePictures(root, ByteStrings(walk.files)))
    left_out = tuple(_left_out(list(walks.values())))
    return LabelledSet(parts, tuple(number), left_out, tuple(problems))


def _size_bytes(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def _part_folders(root: Path, place: str) -> dict[Part, Path]:
    """Return the folder of classes of each part."""
    folders_there = (entry.name for entry in _sorted(root) if entry.is_dir())
    top = [folder for folder in folders_there if folder not in NOT_CLASSES]
    named: dict[Part, list[str]] = {}
    for folder in top:
        if (part := part_called(folder)) is not None:
            named.setdefault(part, []).append(folder)
    if not named:
        return {"train": root}
    as_parts = [folder for folders in named.values() for folder in folders]
    if classes := [folder for folder in top if folder not in as_parts]:
        raise DataError(
            f"{place}: in {str(root)!r}, {listed(as_parts)} would be parts ({PART_NAMES} name "
            f"parts), and {listed(classes)} classes: put the classes into the parts' folders, or "
            "give a class of such a name another one"
        )
    for folders in named.values():
        if len(folders) > 1:
            raise DataError(f"{place}: {listed(folders)} in {str(root)!r} name the same part")
    if "train" not in named:
        raise DataError(
            f"{place}: {str(root)!r} has no train part, only {', '.join(sorted(named))}"
        )
    return {part: root / named[part][0] for part in PARTS if part in named}


def _walk_classes(folder: Path, walk: _Walk) -> list[str]:
    """Collect a part's images; return its classes, in the order of their names."""
    suffixes = image_suffixes()
    classes: list[str] = []
    for entry in _sorted(folder):
        inside = os.path.relpath(entry.path, walk.root)
        if not entry.is_dir():
            walk.other_files.append(inside)
        elif entry.name in NOT_CLASSES:
            walk.other_folders.append(inside)
        else:
            for file in _files(Path(entry.path), frozenset()):
                path = os.path.relpath(file, walk.root)
                base = os.path.basename(file)
                if base.startswith("._") or Path(base).suffix.lower() not in suffixes:
                    walk.other_files.append(path)
                else:
                    walk.files.append(path)
                    walk.labels.append(len(classes))
            classes.append(entry.name)
    return classes


def _files(folder: Path, above: frozenset[str]) -> Iterator[str]:
    """Yield the files in a folder and below, in order; a link to a folder above is not followed."""
    real = os.path.realpath(folder)
    if real in above:
        return
    for entry in _sorted(folder):
        if not entry.is_dir():
            yield entry.path
        elif entry.name not in NOT_CLASSES:
            yield from _files(Path(entry.path), above | {real})


def _sorted(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _class_problems(classes: dict[Part, list[str]], walks: dict[Part, _Walk]) -> list[str]:
    """Return what is wrong with the classes, a line each."""
    problems = []
    for part, names in classes.items():
        walk = walks[part]
        counts = Counter(walk.labels)
        if empty := [name for label, name in enumerate(names) if not counts[label]]:
            problems.append(f"{part} part: no images in {listed(empty)}")
        if not names and part != "train":
            problems.append(f"{part} part: {_without_classes(walk, classes['train'])}")
    return problems + name_problems(classes["train"], classes)


def _without_classes(walk: _Walk, classes: list[str]) -> str:
    """Return what is wrong with a part that has no folder of a class."""
    if not walk.other_files:
        return "its folder is empty"
    folder, name = os.path.split(walk.other_files[0])
    arranged = os.path.join(folder, next(iter(classes), "CLASS"), name)
    return (
        f"{len(walk.other_files):,} files, such as {walk.other_files[0]!r}, lie in no folder of a "
        f"class: each image must lie in that of its class, such as {arranged!r}"
    )


def _left_out(walks: list[_Walk]) -> Iterator[str]:
    """Yield what was not read, a line each kind."""
    for what, names in (
        ("files that are no images", [file for walk in walks for file in walk.other_files]),
        ("folders of other programs", [each for walk in walks for each in walk.other_folders]),
    ):
        if names:
            yield f"{len(names)} {what} are left out: {listed(names)}"
