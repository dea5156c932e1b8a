"""Whether another process holds a lock file, found out without writing anything."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def is_held(file: Path) -> bool:
    """Whether a living process holds the lock; a file that is not there is held by nobody.

    Raises:
        OSError: the file cannot be read, so that nobody can tell.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
