"""Lock files: hold one for this process, or find out whether another process does."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from nas.errors import RunError

LOCK_SECONDS = 0.5
"""The longest wait for a lock: :func:`is_held` of another process holds it for a moment."""


@contextmanager
def held(file: Path, *, in_use: RunError) -> Iterator[None]:
    """Hold a lock file for this process while the block runs.

    Args:
        file: the lock; made if it is missing.
        in_use: is raised if another process holds it.

    Raises:
        RunError: ``in_use``, or the file cannot be written.
    """
    lock = FileLock(file)
    try:
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout:
        raise in_use from None
    except OSError as error:
        raise RunError(f"cannot use {file}: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()


def is_held(file: Path) -> bool:
    """Return whether a living process holds the lock, without writing; nobody holds a missing file.

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
