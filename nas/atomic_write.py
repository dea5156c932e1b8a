"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def replace_file(path: Path | str, content: bytes, *, mode: int = 0o666) -> None:
    """Give a file new content in one step.

    Args:
        path: made where it is missing.
        content: all of it.
        mode: who may read and write it, less the process's umask.

    Raises:
        OSError: the folder is missing or not writable, or the disk is full; the error names
            ``path``, which keeps what it had.
    """
    path = Path(path)
    # not made of the file's name, which may be as long as a name can be
    temporary = path.with_name(f".{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        try:
            temporary.touch(mode=mode)
            temporary.write_bytes(content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
