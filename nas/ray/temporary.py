"""Temporary folders of a driver; those that killed drivers left are removed by the next one."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nas.storage.run.makers import MARK, is_left, own_mark

_NAME = re.compile(rf"convattn-{MARK}-\w+")


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder on this machine for the block, and remove those of killed drivers."""
    parent = Path(tempfile.gettempdir())
    for folder in parent.glob("convattn-*"):
        named = _NAME.fullmatch(folder.name)
        if named is not None and is_left(named["host"], int(named["pid"]), folder):
            shutil.rmtree(folder, ignore_errors=True)  # it may be another user's
    prefix = f"convattn-{own_mark()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as path:
        yield Path(path)
