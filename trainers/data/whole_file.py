"""Files that are written whole or not at all, whoever reads them meanwhile."""

from __future__ import annotations

import os
import secrets
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

DAMAGES_OF_ARRAYS = (
    *(ValueError, KeyError, TypeError, EOFError),
    *(zipfile.BadZipFile, zlib.error, NotImplementedError),
)
"""Errors of a damaged file of NumPy's arrays, or of arrays that are not those expected."""


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file under the name ``STEM.*.tmp``, and give it its own when the block has ended.

    Raises:
        OSError: it cannot be written; an earlier one stays.
    """
    begun = path.with_suffix(f".{secrets.token_hex(4)}.tmp")
    try:
        with begun.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        begun.replace(path)
    finally:
        begun.unlink(missing_ok=True)
