"""Strict JSON (RFC 8259), as every ``--json`` prints it and as a run's files hold it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas.errors import RunError
from search_space.json_reading import parse_json


def json_text(data: Any, *, indent: int | None = 2) -> str:
    """Return ``data`` as JSON in ASCII, without a final line break.

    JSON has no infinite numbers and no NaN. Such a value becomes ``null``, in lists and mappings of
    any depth; where the difference matters, a command adds a field for it.

    Args:
        data: None, booleans, numbers, strings, and lists, tuples and mappings of them.
        indent: spaces for each depth; None for one line.

    Raises:
        TypeError: something else is in ``data``, such as a NumPy number.
    """
    return json.dumps(_finite(data), allow_nan=False, indent=indent)


def read_json_object(file: Path) -> dict[str, Any]:
    """Read a file that holds a JSON object.

    Raises:
        RunError: it cannot be read, or holds something else.
    """
    try:
        data = parse_json(file.read_bytes())
    except OSError as error:
        raise RunError(f"{file} cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # of its JSON or its UTF-8
        raise RunError(f"{file} cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise RunError(f"{file} cannot be read: must be a JSON object, got {data!r}")
    return data


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
