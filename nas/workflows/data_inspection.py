"""Look at every picture of a data set once, in several processes."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nas.child_processes import end_with_parent, inherited_by_children
from trainers.data.inspection import Seen, inspect
from trainers.data.sources.labelled_set import LabelledSet, Pictures
from trainers.data.split import Part

AT_ONCE = 128
"""Pictures of one task."""

LEAST_FOR_PROCESSES = 2000
"""With fewer pictures, starting processes takes longer than looking at them here."""


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


class _Task(NamedTuple):
    part: Part
    indices: range
    headers_only: bool


def inspect_set(
    labelled: LabelledSet,
    *,
    headers_only: bool,
    processes: int,
    on_progress: Callable[[int, int], None],
) -> dict[Part, PartSeen]:
    """Look at all pictures; the number of processes does not change what is seen.

    Args:
        labelled: the set.
        headers_only: do not decode pixels.
        processes: at the same time, 1 or more; small sets are looked at in this one.
        on_progress: is called with the pictures seen and their number.

    Raises:
        BrokenProcessPool: a process was killed, for example because memory ran out.
    """
    pictures = {part: each.pictures for part, each in labelled.parts.items()}
    counts = {part: len(each.labels) for part, each in labelled.parts.items()}
    tasks = [
        _Task(part, range(begin, min(begin + AT_ONCE, count)), headers_only)
        for part, count in counts.items()
        for begin in range(0, count, AT_ONCE)
    ]
    seen = {part: PartSeen(np.zeros((count, 2), np.int32)) for part, count in counts.items()}
    total, done = sum(counts.values()), 0
    is_small = processes == 1 or total < LEAST_FOR_PROCESSES
    on_progress(done, total)
    results = _here(pictures, tasks) if is_small else _in_processes(pictures, tasks, processes)
    for task, result in zip(tasks, results, strict=True):
        for index, each in zip(task.indices, result, strict=True):
            seen[task.part].add(index, each)
        done += len(result)
        on_progress(done, total)
    return seen


def _here(pictures: Mapping[Part, Pictures], tasks: Iterable[_Task]) -> Iterator[list[Seen]]:
    for task in tasks:
        yield inspect(pictures[task.part], task.indices, headers_only=task.headers_only)


def _in_processes(
    pictures: Mapping[Part, Pictures], tasks: list[_Task], processes: int
) -> Iterator[list[Seen]]:
    executor = ProcessPoolExecutor(
        min(processes, len(tasks)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(pictures,),
    )
    try:
        with inherited_by_children():  # submitting starts them
            results = executor.map(_do, tasks)
        yield from results
    except BaseException:
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


_pictures: Mapping[Part, Pictures]


def _begin(pictures: Mapping[Part, Pictures]) -> None:
    global _pictures  # noqa: PLW0603 - a process's own, set once
    _pictures = pictures
    end_with_parent()


def _do(task: _Task) -> list[Seen]:
    return inspect(_pictures[task.part], task.indices, headers_only=task.headers_only)
