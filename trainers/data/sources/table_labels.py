"""Labels of tables: read by name, so that every part means the same class by a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trainers.data.sources.class_names import name_problems
from trainers.data.sources.part_names import Part
from trainers.errors import DataError

HIGHEST_CLASS = 1_000_000
"""A label column with higher numbers holds ids, not classes."""


def read_labels(
    columns: Mapping[Part, Any], column: str, place: str
) -> tuple[dict[Part, npt.NDArray[np.int64]], tuple[str, ...], list[str]]:
    """Read the labels of all parts as indices of the class names.

    The class names are those that the train part declares; without a declaration, the labels that
    occur in it: numbers in their order, then their decimal digits are the names, or sorted texts.

    Args:
        columns: a table of the label column alone, of each part.
        column: its name.
        place: opens every message.

    Returns:
        labels of each part, int64 [N]; the class names; and what is wrong with them, a line each,
        with which labels may be -1 and classes too many.

    Raises:
        DataError: labels are ids.
    """
    problems: list[str] = []
    names = {}
    for part, table in columns.items():
        names[part] = _names(table, column, f"{place}, {part} part")
        if missing := names[part].count(None):
            problems.append(
                f"{part} part: {missing} of {len(names[part])} images have no label (none, or "
                "negative); a set saved without this part can be used"
            )
    declared = getattr(columns["train"].features[column], "names", None)
    occurring = {part: {name for name in each if name is not None} for part, each in names.items()}
    number, wrong = class_numbers(occurring, declared)
    labels = {
        part: np.fromiter(
            (-1 if name is None else number[name] for name in each), np.int64, len(each)
        )
        for part, each in names.items()
    }
    return labels, tuple(number), problems + wrong


def class_numbers(
    occurring: Mapping[Part, set[str]], declared: Sequence[str] | None, *, fewest: int = 2
) -> tuple[dict[str, int], list[str]]:
    """Number the classes from 0; the keys are in the order of their numbers.

    Args:
        occurring: the names of the classes that each part's pictures have.
        declared: all names in their order; None for those of the train part, whole numbers by
            their values and others by their letters.
        fewest: classes to tell apart.

    Returns:
        the number of each class, those without train images after the others, and what is wrong
        with the names, a line each.
    """
    known = declared or _in_order(occurring["train"])
    unknown = sorted(set().union(*occurring.values()) - set(known))
    number = {name: index for index, name in enumerate([*known, *unknown])}
    return number, name_problems(known, occurring, fewest=fewest)


def _names(table: Any, column: str, place: str) -> list[str | None]:
    """Return the class name of each row; None where it has none."""
    values = table[:][column]
    declared = getattr(table.features[column], "names", None)
    highest = max((value for value in values if isinstance(value, int)), default=0)
    if declared is None and highest > HIGHEST_CLASS:
        raise DataError(
            f"{place}: column {column!r} has the label {highest}, over {HIGHEST_CLASS:,}: it seems "
            "to hold ids, not classes"
        )
    return [
        None
        if value is None or (not isinstance(value, str) and value < 0)
        else str(value)
        if declared is None
        else declared[value]
        for value in values
    ]


def _in_order(names: set[str]) -> list[str]:
    """Return class names that were numbers by their numbers, others by their letters."""
    if all(name.isdigit() for name in names):
        return sorted(names, key=int)
    return sorted(names)
