"""A labelled set that can be used, or all that is wrong with its classes and pictures at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from trainers.data.checks.damaged import without_damaged
from trainers.data.checks.inspection import inspect_set
from trainers.data.checks.picture_problems import PictureProblems
from trainers.data.checks.unusable_pictures import Unusable, unusable_pictures
from trainers.data.config import DataConfig
from trainers.data.sources.labelled_set import LabelledSet
from trainers.data.sources.listed_names import listed
from trainers.data.sources.part_names import Part
from trainers.errors import DataError, listed_problems

MOST_DECODED = 20_000
"""Pictures that are decoded to name their problems beside those of the classes, at most."""


def parts_to_use(labelled: LabelledSet, config: DataConfig) -> LabelledSet:
    """Return the set with its parts under the names by which they are used.

    See ``DataConfig.test_part``.

    Raises:
        DataError: there is no such part.
    """
    if config.test_part == "test":
        return labelled
    parts = labelled.parts
    if "validation" not in parts:
        raise DataError(
            f"data set {config.name!r}: test_part=validation, and {config.path or 'it'!r} has no "
            f"validation part, only {sorted(parts)}"
        )
    return replace(labelled, parts={"train": parts["train"], "test": parts["validation"]})


def usable_set(
    labelled: LabelledSet, config: DataConfig, *, content: str, processes: int, is_resized: bool
) -> LabelledSet:
    """Return the set, less what ``config.skip_damaged`` leaves out.

    Pictures are decoded only where damaged ones are left out, or where the classes have problems,
    beside which the pictures' are then named.

    Args:
        labelled: the parts to use.
        config: the data set.
        content: the set's fingerprint.
        processes: that decode.
        is_resized: the pictures get one size; False where they must have one.

    Raises:
        DataError: all problems of its classes and pictures.
    """
    if config.skip_damaged:
        unusable = unusable_pictures(labelled, content=content, processes=processes)
        stays = _not_converted(labelled, unusable)
        labelled = without_damaged(labelled, unusable)
        labelled = replace(labelled, problems=(*labelled.problems, *stays))
    problems = [*labelled.problems, *class_problems(labelled, config)]
    if not problems:
        return labelled
    images = sum(len(part.labels) for part in labelled.parts.values())
    if images > MOST_DECODED:
        problems.append(f"(the {images:,} images were not decoded to find what is wrong with them)")
    elif not config.skip_damaged:  # (else they are said already)
        problems += _picture_problems(labelled, processes, is_resized=is_resized)
    raise listed_problems(f"data set {config.name!r}", problems)


def class_problems(labelled: LabelledSet, config: DataConfig) -> list[str]:
    """Return the classes with a single image where it would have to be in two splits.

    Where labels are objects, images are chosen whatever classes are in them.
    """
    if labelled.has_objects:
        return []
    asked: dict[Part, int | None] = {
        "validation": config.validation_images,
        "test": config.test_images,
    }
    if all(part in labelled.parts or count == 0 for part, count in asked.items()):
        return []
    labels = labelled.parts["train"].labels
    counts = np.bincount(labels[labels >= 0], minlength=len(labelled.class_names))
    single = [labelled.class_names[label] for label in np.flatnonzero(counts == 1)]
    if not single:
        return []
    return [
        f"train part: a single image in {listed(single)}; it cannot be trained on and held out too"
    ]


def _not_converted(labelled: LabelledSet, unusable: Mapping[Part, Sequence[Unusable]]) -> list[str]:
    """Return a line for each picture for whose mode no conversion is stated: none is damaged."""
    problems = PictureProblems(is_resized=True)
    for part, rows in unusable.items():
        for each in rows:
            if not each.is_damaged:
                problems.add(labelled.parts[part].pictures, each.place, each.problem)
    return problems.lines()


def _picture_problems(labelled: LabelledSet, processes: int, *, is_resized: bool) -> list[str]:
    problems = PictureProblems(is_resized=is_resized)
    for part, seen in inspect_set(labelled, headers_only=False, processes=processes).items():
        pictures = labelled.parts[part].pictures
        for index, (height, width) in enumerate(seen.hw.tolist()):
            if (problem := seen.problems.get(index)) is not None:
                problems.add(pictures, index, problem)
            else:
                problems.note_size((height, width), pictures, index)
    return problems.lines()
