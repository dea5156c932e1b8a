"""Inspection: every picture of a set is opened once, and what is seen is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trainers.data.checks.usable_picture import (
    Header,
    UnusablePicture,
    header_of,
    usable_header,
    usable_picture,
)
from trainers.data.pictures.decoding_processes import DecodedChunks
from trainers.data.sources.labelled_set import LabelledPart, LabelledSet
from trainers.data.sources.part_names import Part

AT_ONCE = 128
"""Pictures that a process looks at before it answers."""

LEAST_FOR_PROCESSES = 2000
"""With fewer pictures, starting processes takes longer than looking at them here."""


class Seen(NamedTuple):
    """A picture's header; or, where it cannot be used, why, as follows its name."""

    header: Header | None
    problem: str = ""
    is_damaged: bool = False


@dataclass
class PartSeen:
    """All that was seen of one part.

    Attributes:
        hw: int32 [N, 2], upright height and width in pixels; zeros where a picture cannot be used.
        modes, formats: the usable pictures, counted by Pillow's names; a format may be unknown.
        problems: why pictures cannot be used, by their places; each follows the picture's name.
        damaged: the places of those that cannot be decoded.
    """

    hw: npt.NDArray[np.int32]
    modes: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    problems: dict[int, str] = field(default_factory=dict)
    damaged: list[int] = field(default_factory=list)

    def add(self, index: int, seen: Seen) -> None:
        """Note one picture."""
        if seen.header is None:
            self.problems[index] = seen.problem
            if seen.is_damaged:
                self.damaged.append(index)
            return
        self.hw[index] = seen.header.hw
        self.modes[seen.header.mode] += 1
        self.formats[seen.header.format or "unknown"] += 1


def inspect_set(
    labelled: LabelledSet,
    *,
    headers_only: bool,
    processes: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[Part, PartSeen]:
    """Look at all pictures; the number of processes does not change what is seen.

    Args:
        labelled: the set.
        headers_only: do not decode pixels, so that some damages stay unseen.
        processes: at the same time; small sets are looked at in this one.
        on_progress: is called with the pictures seen and their number.

    Raises:
        LoaderLost: a process was killed, for example because memory ran out.
    """
    counts = {part: len(each.labels) for part, each in labelled.parts.items()}
    tasks = [
        (part, range(begin, min(begin + AT_ONCE, count)))
        for part, count in counts.items()
        for begin in range(0, count, AT_ONCE)
    ]
    seen = {part: PartSeen(np.zeros((count, 2), np.int32)) for part, count in counts.items()}
    total, done = sum(counts.values()), 0
    on_progress(done, total)
    results = DecodedChunks(
        lambda task: inspect(labelled.parts[task[0]], task[1], headers_only=headers_only),
        tasks,
        processes=0 if total < LEAST_FOR_PROCESSES else processes,
    )
    for (part, indices), result in zip(tasks, results, strict=True):
        for index, each in zip(indices, result, strict=True):
            seen[part].add(index, each)
        done += len(result)
        on_progress(done, total)
    return seen


def inspect(part: LabelledPart, indices: Iterable[int], *, headers_only: bool) -> list[Seen]:
    """Look at some pictures.

    Args:
        part: of the set.
        indices: their places.
        headers_only: do not decode pixels, so that some damages stay unseen.
    """
    return [_seen(part, index, headers_only=headers_only) for index in indices]


def _seen(part: LabelledPart, index: int, *, headers_only: bool) -> Seen:
    try:
        if headers_only:
            return Seen(usable_header(part, index))
        return Seen(header_of(usable_picture(part, index)))
    except UnusablePicture as error:
        return Seen(None, str(error), error.is_damaged)
