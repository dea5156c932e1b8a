"""A report of a data set: its images, classes, sizes, modes, problems and splits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from trainers import DataConfig, DataError, ImageSplits, PixelSettings, load_splits
from trainers.boxes import CROWD, NO_OBJECT, corners, is_kind
from trainers.data.checks.damaged import leave_out
from trainers.data.checks.inspection import PartSeen, inspect_set
from trainers.data.checks.picture_problems import PictureProblems
from trainers.data.checks.usable_set import class_problems, parts_to_use
from trainers.data.fingerprint import fingerprint_of
from trainers.data.loading import read_labelled
from trainers.data.network_input import resizing_of
from trainers.data.sources.labelled_set import LabelledPart, LabelledSet
from trainers.data.sources.part_names import Part
from trainers.data.splits.choice import choose_splits, notes_of
from trainers.data.splits.labels import are_objects, classes_there, strata


@dataclass(frozen=True)
class ClassCount:
    """A class and its number of images in a part; of objects, where images have objects."""

    name: str
    images: int


@dataclass(frozen=True)
class ObjectReport:
    """The objects in the images of a part.

    Attributes:
        objects: their number, crowds among them.
        crowds: regions of many objects.
        images_without: images in which there is no object.
        most_of_an_image: objects of one image.
        sizes: (height, width) in pixels of the smallest, the median and the largest box by area,
            in the pictures as they are stored; empty without objects.
    """

    objects: int
    crowds: int
    images_without: int
    most_of_an_image: int
    sizes: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class PartReport:
    """One part of a set.

    Attributes:
        images: its number.
        classes: those that have images in it.
        smallest_class, largest_class: the first with the fewest and the most images; None without
            images.
        sizes: (height, width) in pixels of the smallest, the median and the largest picture by
            area; empty where none can be used.
        modes, formats: numbers of usable pictures by Pillow's names; empty where pixels are given.
        objects: in the images; None where labels are the images' classes.
    """

    images: int
    classes: int
    smallest_class: ClassCount | None
    largest_class: ClassCount | None
    sizes: tuple[tuple[int, int], ...]
    modes: dict[str, int] = field(default_factory=dict)
    formats: dict[str, int] = field(default_factory=dict)
    objects: ObjectReport | None = None


@dataclass(frozen=True)
class DataReport:
    """Everything that was read of a data set.

    Attributes:
        name: of the data.
        class_names: one a class.
        parts: as they are used.
        splits: images to train, validate and test; None where they cannot be chosen.
        left_out: what is not used, and why, a line each.
        problems: why nothing can be trained on it, a line each.
        fingerprint: of the content; None where a file cannot be read.
        headers_only: pixels were not decoded, so that damages may be unseen.
    """

    name: str
    class_names: tuple[str, ...]
    parts: dict[Part, PartReport]
    splits: dict[Part, int] | None
    left_out: tuple[str, ...]
    problems: tuple[str, ...]
    fingerprint: str | None
    headers_only: bool


def report_on(
    config: DataConfig,
    pixels: PixelSettings,
    *,
    headers_only: bool,
    processes: int,
    on_progress: Callable[[int, int], None],
) -> DataReport:
    """Read a data set, look at every picture, and choose its splits.

    Args:
        config: the data set.
        pixels: a recipe's settings of the network's input.
        headers_only: do not decode pixels.
        processes: that look at pictures at the same time.
        on_progress: is called with the pictures seen and their number.

    Raises:
        DataError: the set cannot be read at all.
        LoaderLost: a process was killed.
    """
    if config.is_in_memory:
        return _of_splits(load_splits(config, pixels))
    is_resized = resizing_of(config, pixels) is not None
    labelled = whole = parts_to_use(read_labelled(config), config)
    seen = inspect_set(
        labelled, headers_only=headers_only, processes=processes, on_progress=on_progress
    )
    parts = {
        part: _part(torch.from_numpy(each.labels), labelled.class_names, seen[part])
        for part, each in labelled.parts.items()
    }
    problems = PictureProblems(is_resized=is_resized)
    for part, each in labelled.parts.items():
        _note(problems, each, seen[part], skip_damaged=config.skip_damaged)
    if config.skip_damaged:
        labelled = leave_out(labelled, {part: each.damaged for part, each in seen.items()})
    lines = [*labelled.problems, *class_problems(labelled, config), *problems.lines(most=None)]
    splits: dict[Part, int] | None = None
    notes: list[str] = []
    if not lines:
        try:
            splits, notes = _splits(labelled, config)
        except DataError as error:
            lines.append(str(error))
    fingerprint = None
    try:
        fingerprint = fingerprint_of(whole)
    except DataError as error:
        lines.append(str(error))
    return DataReport(
        name=config.name,
        class_names=labelled.class_names,
        parts=parts,
        splits=splits,
        left_out=(*labelled.left_out, *notes),
        problems=tuple(lines),
        fingerprint=fingerprint,
        headers_only=headers_only,
    )


def _splits(labelled: LabelledSet, config: DataConfig) -> tuple[dict[Part, int], list[str]]:
    """Return the number of images of each split, and notes of how they are chosen."""
    choices = choose_splits(
        {
            part: strata(torch.from_numpy(each.labels)).numpy()
            for part, each in labelled.parts.items()
        },
        name=config.name,
        split_seed=config.split_seed,
        train_images=config.train_images,
        validation_images=config.validation_images,
        test_images=config.test_images,
    )
    counts = {part: len(choice.indices) for part, choice in choices.items()}
    return counts, notes_of(choices)


def _note(
    problems: PictureProblems, part: LabelledPart, seen: PartSeen, *, skip_damaged: bool
) -> None:
    left_out = set(seen.damaged if skip_damaged else [])
    for index, problem in seen.problems.items():
        if index not in left_out:
            problems.add(part.pictures, index, problem)
    for index in np.flatnonzero(seen.hw.any(axis=1)).tolist():
        height, width = seen.hw[index].tolist()
        problems.note_size((height, width), part.pictures, index)


def _of_splits(splits: ImageSplits) -> DataReport:
    """Report on images in memory, which have no headers."""
    by_name: dict[Part, torch.Tensor] = {
        "train": splits.train.labels,
        "validation": splits.validation.labels,
        "test": splits.test.labels,
    }
    _, height, width = splits.train.image_shape
    size = np.array([height, width], np.int32)
    return DataReport(
        name=splits.name,
        class_names=splits.class_names,
        parts={
            part: _part(labels, splits.class_names, PartSeen(np.tile(size, (len(labels), 1))))
            for part, labels in by_name.items()
        },
        splits={part: len(labels) for part, labels in by_name.items()},
        left_out=splits.left_out,
        problems=(),
        fingerprint=splits.fingerprint,
        headers_only=False,
    )


def _part(labels: torch.Tensor, class_names: tuple[str, ...], seen: PartSeen) -> PartReport:
    classes = classes_there(labels).numpy()
    counts = np.bincount(classes[classes >= 0], minlength=len(class_names))
    there = np.flatnonzero(counts)
    smallest, largest = None, None
    if len(there):
        fewest, most = there[np.argmin(counts[there])], there[np.argmax(counts[there])]
        smallest = ClassCount(class_names[fewest], int(counts[fewest]))
        largest = ClassCount(class_names[most], int(counts[most]))
    return PartReport(
        images=len(labels),
        classes=len(there),
        smallest_class=smallest,
        largest_class=largest,
        sizes=_sizes(seen.hw[seen.hw.any(axis=1)]),
        modes=dict(seen.modes.most_common()),
        formats=dict(seen.formats.most_common()),
        objects=_objects(labels) if are_objects(labels) else None,
    )


def _objects(labels: torch.Tensor) -> ObjectReport:
    are_there = ~is_kind(labels, NO_OBJECT)
    counts = are_there.sum(dim=1)
    boxes = corners(labels)[are_there].numpy()
    hw = np.stack([boxes[:, 3] - boxes[:, 1], boxes[:, 2] - boxes[:, 0]], axis=1)
    return ObjectReport(
        objects=int(counts.sum()),
        crowds=int(is_kind(labels, CROWD).sum()),
        images_without=int((counts == 0).sum()),
        most_of_an_image=int(counts.max()) if len(counts) else 0,
        sizes=tuple((round(float(h), 1), round(float(w), 1)) for h, w in _ends(hw)),
    )


def _sizes(hw: npt.NDArray[np.int32]) -> tuple[tuple[int, int], ...]:
    return tuple((int(height), int(width)) for height, width in _ends(hw))


def _ends(hw: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the smallest, the median and the largest of sizes [N, 2]; none of none."""
    by_area = np.argsort(hw.astype(np.float64).prod(axis=1), kind="stable")
    return hw[by_area[[0, (len(hw) - 1) // 2, -1]]] if len(hw) else hw
