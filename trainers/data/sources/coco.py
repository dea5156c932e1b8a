"""Sets in the format of COCO (Lin et al. 2014, https://arxiv.org/abs/1405.0312): folders of images,
and one JSON file of annotations a part.

A file names its part by its own name, such as ``annotations/instances_train2017.json`` or
``val.json``, or by its folder's, such as ``train/_annotations.coco.json``. Its images lie in a
folder of the part's name, such as ``train2017`` or ``images/train2017``; in ``images``; or beside
it.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from trainers.data.config import DataConfig
from trainers.data.sources.annotated_objects import Annotations, objects_of
from trainers.data.sources.byte_strings import ByteStrings
from trainers.data.sources.class_names import name_problems
from trainers.data.sources.image_folder import FilePictures
from trainers.data.sources.labelled_set import LabelledPart, LabelledSet
from trainers.data.sources.listed_names import listed
from trainers.data.sources.part_names import PART_NAMES, PARTS, Part, part_called
from trainers.errors import DataError

_NAMED = re.compile(r"(instances_)?(?P<named>(?P<part>[a-z]+)[-_]?(\d{4})?)", re.IGNORECASE)
"""A file's name without its suffix, or a folder's: ``instances_train2017``, ``val``."""

FILES_TRIED = 100
"""Images of a part that are looked for in a folder before another one is tried."""


class _File(NamedTuple):
    """A file of annotations."""

    path: Path
    named: str  # the part's name there, such as train2017


class _Content(NamedTuple):
    """All that is read of a file of annotations."""

    names: list[str]  # of image files
    hw: npt.NDArray[np.int64]  # [N, 2]
    categories: dict[int, str]  # the names of classes by their ids
    annotations: Annotations  # whose classes are places among the categories
    problems: list[str]


def read_coco(config: DataConfig) -> LabelledSet:
    """Find the parts, classes, images and objects of a set in COCO's format; no image is opened.

    Raises:
        DataError: a file cannot be read or is not of this format; there is no train part; images
            lie in none of the usual folders.
    """
    assert config.path is not None
    root, place = Path(config.path).expanduser(), f"data set {config.name!r}"
    if not root.exists():
        raise DataError(f"{place}: the path {config.path!r} does not exist")
    files, left_out = _files_of_parts(root, place)
    if config.test_part == "validation" and "validation" in files:
        files.pop("test", None)
    contents = {part: _read(file.path, place) for part, file in files.items()}
    class_names = list(dict.fromkeys(contents["train"].categories.values()))
    occurring = {part: _names_that_occur(content) for part, content in contents.items()}
    problems = name_problems(class_names, occurring, fewest=1)
    parts = {}
    for part, content in contents.items():
        folder = _image_folder(root, files[part], content.names, place)
        base = root if root.is_dir() else root.parent
        pictures = FilePictures(base, ByteStrings([os.path.join(folder, n) for n in content.names]))
        number = {name: place for place, name in enumerate(class_names)}
        own = np.array([number.get(name, -1) for name in content.categories.values()], np.int64)
        classes = np.append(own, -1)[content.annotations.classes]
        labels, wrong = objects_of(
            content.annotations._replace(classes=classes), content.hw, pictures.name
        )
        parts[part] = LabelledPart(labels, pictures, content.hw)
        problems += [f"{part} part: {problem}" for problem in content.problems]
        if config.skip_damaged:
            left_out += [f"{part} part: {line}; they are left out" for line in wrong]
        else:
            problems += [f"{part} part: {line}" for line in wrong]
    return LabelledSet(parts, tuple(class_names), tuple(left_out), tuple(problems))


def _files_of_parts(root: Path, place: str) -> tuple[dict[Part, _File], list[str]]:
    """Return the file of each part, and a line for files that are of none."""
    if root.is_file():
        return {"train": _File(root, root.stem)}, []
    candidates = sorted({*root.glob("*.json"), *root.glob("*/*.json")})
    named: dict[Part, list[_File]] = {}
    others = []
    for path in candidates:
        match = _NAMED.fullmatch(path.stem)
        if match is None or part_called(match["part"]) is None:
            is_beside = path.parent != root and path.stem.strip("_").startswith("annotations")
            match = _NAMED.fullmatch(path.parent.name) if is_beside else None
        part = part_called(match["part"]) if match else None
        if match is None or part is None:
            others.append(str(path.relative_to(root)))
        else:
            named.setdefault(part, []).append(_File(path, match["named"]))
    for part, files in named.items():
        if len(files) > 1:
            names = listed([str(file.path.relative_to(root)) for file in files])
            raise DataError(f"{place}: {names} would all be the {part} part; leave one of them")
    if "train" not in named:
        raise DataError(
            f"{place}: {str(root)!r} has no annotations of a train part, such as "
            f"annotations/instances_train2017.json ({PART_NAMES} name parts), only "
            f"{listed(others + [part for part in PARTS if part in named]) or 'nothing'}"
        )
    left_out = []
    if others:
        left_out.append(
            f"{len(others)} JSON files that name no part are left out: {listed(others)}"
        )
    return {part: named[part][0] for part in PARTS if part in named}, left_out


def _image_folder(root: Path, file: _File, names: Sequence[str], place: str) -> str:
    """Return the folder of a part's images, as a path in the set's folder."""
    base = root if root.is_dir() else root.parent
    beside = os.path.relpath(file.path.parent, base)
    folders = [file.named, os.path.join("images", file.named), beside]
    folders += [os.path.join(beside, "images"), "images", "."]
    for folder in folders:
        if any((base / folder / name).is_file() for name in names[:FILES_TRIED]):
            return os.path.normpath(folder)
    if not names:
        return beside
    raise DataError(
        f"{place}: {names[0]!r}, the first image of {file.path}, and {len(names) - 1} more lie in "
        f"none of the folders {listed(folders)} of {str(base)!r}"
    )


def _names_that_occur(content: _Content) -> set[str]:
    classes = content.annotations.classes
    names = list(content.categories.values())
    return {names[each] for each in np.unique(classes[classes >= 0]).tolist()}


def _read(path: Path, place: str) -> _Content:
    """Read a file of annotations.

    Raises:
        DataError: it cannot be read, or is not of COCO's format.
    """
    try:
        content = json.loads(path.read_bytes())
        images, given, categories = (
            content[key] for key in ("images", "annotations", "categories")
        )
        by_id = {int(each["id"]): str(each["name"]) for each in categories}
        names = [str(each["file_name"]) for each in images]
        hw = np.array([[int(each["height"]), int(each["width"])] for each in images], np.int64)
        image_ids = [each["id"] for each in images]
        annotations, problems = _annotations(given, image_ids, by_id)
    except (OSError, ValueError, UnicodeError) as error:
        raise DataError(f"{place}: cannot read {path}: {error}") from error
    except (KeyError, TypeError, OverflowError) as error:
        what = f"no key {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(f"{place}: {path} is not of COCO's format for objects: {what}") from error
    problems += [
        *_twice("image ids", image_ids),
        *_twice("annotation ids", [each.get("id") for each in given if "id" in each]),
        *_twice("category ids", [each["id"] for each in categories]),
        *_twice("categories' names", [each["name"] for each in categories]),
        *_twice("files of images", names),
    ]
    if outside := [name for name in names if os.path.isabs(name) or ".." in Path(name).parts]:
        raise DataError(f"{place}: {path}: files lie outside the set's folder: {listed(outside)}")
    if (hw <= 0).any():
        sizeless = [name for name, size in zip(names, hw, strict=True) if (size <= 0).any()]
        problems.append(f"{len(sizeless)} images have no height or width: {listed(sizeless)}")
    return _Content(names, hw.reshape(-1, 2), by_id, annotations, problems)


def _annotations(
    given: Sequence[Mapping[str, Any]], image_ids: Sequence[Any], categories: Mapping[int, str]
) -> tuple[Annotations, list[str]]:
    """Return the annotations whose image is known, and a line for those whose is not."""
    image = {key: place for place, key in enumerate(image_ids)}
    category = {key: place for place, key in enumerate(categories)}
    known = [each for each in given if each["image_id"] in image]
    lost = [f"id {each.get('id')}" for each in given if each["image_id"] not in image]
    problems = [f"{len(lost)} annotations are of no image: {listed(lost)}"] if lost else []
    boxes = np.array([each["bbox"] for each in known], np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    annotations = Annotations.of(
        [image[each["image_id"]] for each in known],
        boxes,
        [category.get(each["category_id"], -1) for each in known],
        [bool(each.get("iscrowd", 0)) for each in known],
    )
    return annotations, problems


def _twice(what: str, values: Iterable[Any]) -> list[str]:
    """Return a line for values that occur more than once."""
    twice = [str(value) for value, count in Counter(values).items() if count > 1]
    return [f"{len(twice)} {what} occur more than once: {listed(twice)}"] if twice else []
