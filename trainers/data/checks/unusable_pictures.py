"""Pictures of a set that cannot be used: found by decoding all, once for each large set."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trainers.data.cache_folder import cache_folder
from trainers.data.checks.inspection import inspect, inspect_set
from trainers.data.checks.picture_problems import PictureProblems
from trainers.data.sources.labelled_set import LabelledSet
from trainers.data.sources.part_names import Part
from trainers.data.whole_file import whole_file
from trainers.errors import listed_problems

log = logging.getLogger(__name__)

KEPT_FROM = 2_000
"""For sets of so many pictures, what was found is kept in the user's cache."""


class Unusable(NamedTuple):
    """A picture that cannot be used."""

    place: int  # in its part
    problem: str  # follows its name
    is_damaged: bool  # it cannot be decoded; else no conversion is stated for it


def unusable_pictures(
    labelled: LabelledSet, *, content: str, processes: int
) -> dict[Part, list[Unusable]]:
    """Decode every picture of a set, and return those that cannot be used.

    Args:
        labelled: the set.
        content: its fingerprint, by which what was found is kept.
        processes: that decode; their number does not change what is found.

    Raises:
        LoaderLost: a process was killed.
    """
    count = sum(len(part.labels) for part in labelled.parts.values())
    file = _file(content) if count >= KEPT_FROM else None
    kept = None if file is None else _read(file)
    if kept is not None and kept.keys() == labelled.parts.keys():
        return _looked_at_again(labelled, kept)
    if file is not None:
        log.warning("%s pictures are decoded once, to find damaged ones", f"{count:,}")
    seen = inspect_set(labelled, headers_only=False, processes=processes)
    unusable: dict[Part, list[Unusable]] = {}
    for part, each in seen.items():
        damaged = set(each.damaged)
        problems = sorted(each.problems.items())
        unusable[part] = [Unusable(place, why, place in damaged) for place, why in problems]
    if file is not None:
        _keep(file, unusable)
    return unusable


def _looked_at_again(
    labelled: LabelledSet, kept: Mapping[Part, list[Unusable]]
) -> dict[Part, list[Unusable]]:
    """Return those of the kept ones that still cannot be used: a file may have been mended."""
    again: dict[Part, list[Unusable]] = {}
    for part, rows in kept.items():
        places = [each.place for each in rows]
        seen = inspect(labelled.parts[part], places, headers_only=False)
        again[part] = [
            Unusable(place, each.problem, each.is_damaged)
            for place, each in zip(places, seen, strict=True)
            if each.header is None
        ]
    return again


def check_chosen(
    labelled: LabelledSet,
    chosen: Iterable[tuple[Part, npt.NDArray[np.int64]]],
    unusable: Mapping[Part, list[Unusable]],
    place: str,
) -> None:
    """Refuse a choice that holds pictures that cannot be used.

    Raises:
        DataError: all of them, by name.
    """
    problems = PictureProblems(is_resized=True)
    for part, places in chosen:
        for each in unusable[part]:
            if np.isin(each.place, places):
                problems.add(labelled.parts[part].pictures, each.place, each.problem)
    if lines := problems.lines():
        raise listed_problems(place, [*lines, "data.skip_damaged leaves out what is damaged"])


def _file(content: str) -> Path | None:
    """Return the file of a content's finds; None if there is no place for caches."""
    import PIL  # noqa: PLC0415 (slow to import)

    try:
        return cache_folder() / f"unusable-{content}-pillow{PIL.__version__}.json"
    except OSError as error:
        log.warning("damaged pictures are looked for anew each time: no cache: %s", error)
        return None


def _read(file: Path) -> dict[Part, list[Unusable]] | None:
    """Return what was kept; None if there is nothing, or nothing that can be read."""
    try:
        kept = json.loads(file.read_text("utf-8"))
        return {part: [Unusable(*each) for each in rows] for part, rows in kept.items()}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        log.warning("%s cannot be read, and is made anew: %s", file, error)
        return None


def _keep(file: Path, unusable: Mapping[Part, list[Unusable]]) -> None:
    try:
        with whole_file(file) as opened:
            opened.write(json.dumps(unusable).encode())
    except OSError as error:
        log.warning("cannot keep which pictures are damaged in %s: %s", file, error)
