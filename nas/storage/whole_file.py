"""Files of a run that are written whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

from nas.atomic_write import replace_file
from nas.errors import RunError


def write_whole(path: Path, content: str | bytes) -> None:
    """Replace a file's content in one step.

    Raises:
        RunError: the disk is full or not writable; the old content stays.
    """
    try:
        replace_file(path, content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> RunError:
    """Make the error for a file that cannot be written, whose earlier content stays."""
    advice = ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        advice = "; make room and give the command again (a search with --resume): nothing is lost"
    return RunError(f"cannot write {path}: {error.strerror or error}{advice}")
