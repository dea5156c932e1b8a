"""Images that cannot be decoded are left out, before anything is chosen from the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from trainers.data.checks.unusable_pictures import Unusable
from trainers.data.sources.labelled_set import LabelledPart, LabelledSet
from trainers.data.sources.listed_names import listed
from trainers.data.sources.part_names import Part
from trainers.data.sources.some_pictures import selected
from trainers.data.splits.labels import classes_there


def without_damaged(
    labelled: LabelledSet, unusable: Mapping[Part, Sequence[Unusable]]
) -> LabelledSet:
    """Return a set without the images that cannot be decoded.

    Images for which no conversion is stated stay, to be an error: no decoder is at fault.
    """
    damaged = {
        part: [each.place for each in rows if each.is_damaged] for part, rows in unusable.items()
    }
    return leave_out(labelled, damaged)


def leave_out(labelled: LabelledSet, damaged: Mapping[Part, Sequence[int]]) -> LabelledSet:
    """Return a set without its damaged images, which says how many those were.

    Args:
        labelled: the whole.
        damaged: the places of those in each part.
    """
    parts = dict(labelled.parts)
    names: list[str] = []
    problems: list[str] = []
    for part, each in labelled.parts.items():
        if places := damaged[part]:
            names += [each.pictures.name(index) for index in places]
            kept = np.delete(np.arange(len(each.labels)), places)
            parts[part] = selected(each, kept)
            if lost := _classes(each) - _classes(parts[part]):
                classes = [labelled.class_names[label] for label in sorted(lost)]
                problems.append(f"{part} part: no image can be decoded in {listed(classes)}")
    if not names:
        return labelled
    said = f"{len(names)} images that cannot be decoded are left out: {listed(names)}"
    return replace(
        labelled,
        parts=parts,
        left_out=(*labelled.left_out, said),
        problems=(*labelled.problems, *problems),
    )


def _classes(part: LabelledPart) -> set[int]:
    return set(classes_there(torch.from_numpy(part.labels)).tolist())
