"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def replace_file(path: Path | str, content: bytes, *, mode: int = 0o666) -> None:
    """Give a file new content in one step, which lasts through a power cut once this returns.

    Args:
        path: made where it is missing.
        content: all of it.
        mode: who may read and write it, less the process's umask.

    Raises:
        OSError: the folder is missing or not writable, or the disk is full; the error names
            ``path``, which keeps what it had.
    """
    path = Path(path)
    temporary = _temporary_beside(path)
    try:
        try:
            new_file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with open(new_file, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    _sync_folder(path.parent)


def replace_link(path: Path, target: str) -> None:
    """Make a symbolic link in one step, in place of an earlier one.

    Raises:
        OSError: the folder cannot be written; an earlier link stays.
    """
    temporary = _temporary_beside(path)
    try:
        temporary.symlink_to(target, target_is_directory=True)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _temporary_beside(path: Path) -> Path:
    # not made of the file's name, which may be as long as a name can be
    return path.with_name(f".{os.getpid()}-{secrets.token_hex(4)}.tmp")


def _sync_folder(folder: Path) -> None:
    """Write the folder's entries to the disk, where its file system can."""
    with contextlib.suppress(OSError):  # the file is replaced all the same
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
