"""A file that names a set's classes, one a line: ``classes.txt``."""

from __future__ import annotations

from pathlib import Path

from trainers.errors import DataError

CLASSES_FILE = "classes.txt"


def read_classes(file: Path, place: str) -> list[str]:
    """Read the names of classes.

    Args:
        file: a text, UTF-8.
        place: opens every message.

    Raises:
        DataError: it cannot be read, is empty, or has an empty line or a name twice.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"{place}: cannot read {file}: {error}") from error
    names = [line.strip() for line in lines]
    problem = ""
    if not names:
        problem = "nothing"
    elif "" in names:
        problem = f"an empty line {names.index('') + 1}"
    elif len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        problem = f"{twice!r} twice"
    if problem:
        raise DataError(f"{place}: {file} must name each class once, one a line, got {problem}")
    return names
