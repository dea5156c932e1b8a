"""Strict JSON (RFC 8259): what every ``--json`` prints, and what commands write to files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def json_text(data: Any, *, indent: int | None = 2) -> str:
    """``data`` as JSON in ASCII, without a final line break.

    JSON has no number that is infinite or not a number. Such a value becomes ``null``, in lists and
    mappings of any depth; where the difference matters, a command gives it a field of its own.

    Args:
        data: None, booleans, numbers, strings, and lists, tuples and mappings of them.
        indent: spaces for each depth; None for one line.

    Raises:
        TypeError: something else is in ``data``, such as a NumPy number.
    """
    return json.dumps(_finite(data), allow_nan=False, indent=indent)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
