"""Objects in a column of a table: in each row boxes with classes, as lists or as records.

A row is ``{"bbox": [[...], ...], "category": [...]}``, or a list of records, ``{"bbox": [...],
"category": ...}``. The keys have several customary names, see below; a class is one of the names
that the column declares, a whole number or a text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from trainers.data.config import BoxFormat
from trainers.data.sources.annotated_objects import Annotations
from trainers.data.sources.part_names import Part
from trainers.data.sources.table_labels import class_numbers
from trainers.errors import DataError

BOXES = ("bbox", "bboxes", "box", "boxes")
CLASSES = ("category", "categories", "category_id", "label", "labels", "class", "classes")
CROWDS = ("iscrowd", "is_crowd")

ROWS_AT_ONCE = 1024


class _Keys(NamedTuple):
    """The keys of a column of objects, and the names that it declares for classes."""

    boxes: str
    classes: str
    crowds: str | None
    names: Sequence[str] | None


class _Row(NamedTuple):
    """An object: the place of its image, its four numbers, class name and crowd."""

    image: int
    box: Sequence[float]
    class_name: str | None
    is_crowd: bool


def holds_objects(feature: Any) -> bool:
    """Return whether a column's type is that of objects in boxes."""
    return any(key in BOXES for key in _fields(feature))


def read_objects(
    tables: Mapping[Part, Any], column: str, box_format: BoxFormat, place: str
) -> tuple[dict[Part, Annotations], tuple[str, ...], list[str]]:
    """Read the objects of all parts.

    Args:
        tables: of each part.
        column: of objects, in each table.
        box_format: the meaning of a box's four numbers.
        place: opens every message.

    Returns:
        the annotations of each part, the class names, and what is wrong with these, a line each.

    Raises:
        DataError: the column has no boxes or no classes, or a row is not of the stated form.
    """
    rows: dict[Part, list[_Row]] = {}
    for part, table in tables.items():
        keys = _keys(table.features[column], f"{place}, {part} part, column {column!r}")
        rows[part] = list(_rows(table.select_columns([column]), column, keys, f"{place}, {part}"))
    occurring = {
        part: {row.class_name for row in each if row.class_name is not None}
        for part, each in rows.items()
    }
    declared = _keys(tables["train"].features[column], place).names
    number, problems = class_numbers(occurring, declared, fewest=1)
    return (
        {part: _annotations(each, number, box_format) for part, each in rows.items()},
        tuple(number),
        problems,
    )


def _annotations(
    rows: Sequence[_Row], number: Mapping[str, int], box_format: BoxFormat
) -> Annotations:
    boxes = np.array([row.box for row in rows], np.float64).reshape(-1, 4)
    if box_format == "xywh":
        boxes[:, 2:] += boxes[:, :2]
    return Annotations.of(
        [row.image for row in rows],
        boxes,
        [-1 if row.class_name is None else number[row.class_name] for row in rows],
        [row.is_crowd for row in rows],
    )


def _fields(feature: Any) -> dict[str, Any]:
    """Return the types of an object's values by their keys; empty if it is no column of objects."""
    records = getattr(feature, "feature", None)  # a list of records
    if isinstance(records, dict):
        return records
    if not isinstance(feature, dict):
        return {}
    return {key: getattr(each, "feature", each) for key, each in feature.items()}  # lists


def _keys(feature: Any, place: str) -> _Keys:
    fields = _fields(feature)

    def one(names: Sequence[str]) -> str | None:
        return next((name for name in names if name in fields), None)

    boxes, classes = one(BOXES), one(CLASSES)
    if boxes is None or classes is None:
        raise DataError(
            f"{place}: objects need one of the keys {', '.join(BOXES)} and one of "
            f"{', '.join(CLASSES)}, got {', '.join(fields) or 'no objects'}"
        )
    return _Keys(boxes, classes, one(CROWDS), getattr(fields[classes], "names", None))


def _rows(table: Any, column: str, keys: _Keys, place: str) -> Iterator[_Row]:
    """Yield the objects of a table, row by row."""
    image = 0
    for batch in table.iter(ROWS_AT_ONCE):
        for value in batch[column]:
            for box, label, crowd in _objects(value, keys, f"{place} row {image}"):
                if box is None or len(box) != 4 or None in box:
                    raise DataError(f"{place} row {image}: a box needs four numbers, got {box!r}")
                yield _Row(image, box, _name(label, keys.names), bool(crowd))
            image += 1


def _objects(value: Any, keys: _Keys, place: str) -> Iterator[tuple[Any, Any, Any]]:
    """Yield the box, class and crowd of each object of a row; none where the row is empty."""
    if value is None:
        return
    if not isinstance(value, Mapping):  # records
        for each in value:
            crowd = each[keys.crowds] if keys.crowds else 0
            yield each[keys.boxes], each[keys.classes], crowd
        return
    boxes, labels = value[keys.boxes] or [], value[keys.classes] or []
    crowds = (value[keys.crowds] or []) if keys.crowds else [0] * len(boxes)
    if not len(boxes) == len(labels) == len(crowds):
        raise DataError(
            f"{place}: every object needs a box and a class, got {len(boxes)} boxes and "
            f"{len(labels)} classes"
        )
    yield from zip(boxes, labels, crowds, strict=True)


def _name(label: Any, declared: Sequence[str] | None) -> str | None:
    """Return the name of a class; None where there is none."""
    if label is None or (not isinstance(label, str) and label < 0):
        return None
    return str(label) if declared is None else declared[label]


def stated_hw(table: Any) -> npt.NDArray[np.int64] | None:
    """Return the height and width that a table has columns of, int64 [N, 2]; None without them."""
    if not {"height", "width"} <= set(table.column_names):
        return None
    sizes = table.select_columns(["height", "width"])[:]
    values = [[each or 0 for each in sizes[key]] for key in ("height", "width")]
    return np.array(values, np.int64).T
