"""The maker of a file or folder: the process whose machine and number stand in its name."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from pathlib import Path

ANOTHER_MACHINE_SECONDS = 24 * 3600
"""The age from which what a process of another machine began to make is a leftover."""

CLOCK_SECONDS = 2
"""The precision to which the system knows when a process began."""

MARK = r"(?:(?P<host>[0-9a-f]{8})-)?(?P<pid>\d+)"
"""The expression of a mark, with its groups; what earlier versions made names no host."""


def own_mark() -> str:
    """Return the mark of this process."""
    return f"{_host()}-{os.getpid()}"


def is_left(host: str | None, pid: int, path: Path) -> bool:
    """Return whether the process that made ``path`` is gone, as far as this machine can tell.

    Args:
        host: of the mark; None means this machine.
        pid: of the mark.
        path: what it made.
    """
    try:
        changed = path.lstat().st_mtime
    except FileNotFoundError:
        return False  # its maker has just removed or renamed it
    if host not in (None, _host()):
        return time.time() - changed > ANOTHER_MACHINE_SECONDS
    import psutil  # noqa: PLC0415 - few folders hold what a process began to make

    try:
        return psutil.Process(pid).create_time() > changed + CLOCK_SECONDS  # another has the number
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False  # it may be another user's


def _host() -> str:
    """Return eight digits that tell machines with a common file system apart."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]
