"""Images that cannot be decoded are left out, before anything is chosen from the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trainers.data.sources.labelled_set import LabelledPart, LabelledSet
from trainers.data.sources.listed_names import listed
from trainers.data.sources.some_pictures import selected
from trainers.data.usable_picture import UnusablePicture, usable_picture


def without_damaged(labelled: LabelledSet) -> LabelledSet:
    """Decode every image of a set, and return those of which that succeeds.

    The set that is returned says how many were left out. Images for which no conversion is stated
    stay, to be an error: no decoder is at fault.
    """
    parts, names, problems = dict(labelled.parts), [], []
    for part, each in labelled.parts.items():
        if damaged := _damaged(each):
            names += [each.pictures.name(index) for index in damaged]
            kept = np.delete(np.arange(len(each.labels)), damaged)
            parts[part] = selected(each, kept)
            if lost := set(each.labels.tolist()) - set(parts[part].labels.tolist()):
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


def _damaged(part: LabelledPart) -> list[int]:
    damaged = []
    for index in range(len(part.labels)):
        try:
            usable_picture(part.pictures, index)
        except UnusablePicture as error:
            if error.is_damaged:
                damaged.append(index)
    return damaged
