"""Labels of tables: read by name, so that every part means the same class by a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trainers.data.split import Part
from trainers.errors import DataError

HIGHEST_CLASS = 1_000_000
"""A label column with higher numbers holds ids, not classes."""

MOST_NAMED = 10


def read_labels(
    columns: Mapping[Part, Any], column: str, place: str
) -> tuple[dict[Part, npt.NDArray[np.int64]], tuple[str, ...]]:
    """Read the labels of all parts as indices of the class names.

    The class names are those that the train part declares; without a declaration, the labels that
    occur in it: numbers in their order, then their decimal digits are the names, or sorted texts.

    Args:
        columns: a table of the label column alone, of each part.
        column: its name.
        place: opens every message.

    Raises:
        DataError: labels are missing or negative, or ids; a class has no train images; there is
            only one.
    """
    names = {
        part: _names(table, column, f"{place}, {part} part") for part, table in columns.items()
    }
    declared = getattr(columns["train"].features[column], "names", None)
    number = class_numbers({part: set(each) for part, each in names.items()}, declared, place)
    labels = {
        part: np.fromiter((number[name] for name in each), np.int64, len(each))
        for part, each in names.items()
    }
    return labels, tuple(number)


def class_numbers(
    occurring: Mapping[Part, set[str]], declared: Sequence[str] | None, place: str
) -> dict[str, int]:
    """Number the classes from 0; the keys are in the order of their numbers.

    Args:
        occurring: the names of the classes that each part's pictures have.
        declared: all names in their order; None for those of the train part, whole numbers by
            their values and others by their letters.
        place: opens every message.

    Raises:
        DataError: a class has no train images; there is only one.
    """
    class_names = declared or _in_order(occurring["train"])
    number = {name: index for index, name in enumerate(class_names)}
    for part, each in occurring.items():
        if unknown := sorted(each - number.keys()):
            raise DataError(
                f"{place}, {part} part: classes {unknown[:MOST_NAMED]} without train images"
            )
    if len(number) == 1:
        raise DataError(
            f"{place}: only one class, {class_names[0]!r}: there is nothing to tell apart"
        )
    return number


def _names(table: Any, column: str, place: str) -> list[str]:
    """Return the class name of each row."""
    values = table[:][column]
    missing = sum(value is None or (not isinstance(value, str) and value < 0) for value in values)
    if missing:
        raise DataError(
            f"{place}: {missing} of {len(values)} images have no label (none, or negative); a set "
            "saved without this part can be used"
        )
    declared = getattr(table.features[column], "names", None)
    if declared is not None:
        return [declared[value] for value in values]
    highest = max((value for value in values if not isinstance(value, str)), default=0)
    if highest > HIGHEST_CLASS:
        raise DataError(
            f"{place}: column {column!r} has the label {highest}, over {HIGHEST_CLASS:,}: it seems "
            "to hold ids, not classes"
        )
    return [str(value) for value in values]


def _in_order(names: set[str]) -> list[str]:
    """Return class names that were numbers by their numbers, others by their letters."""
    if all(name.isdigit() for name in names):
        return sorted(names, key=int)
    return sorted(names)
