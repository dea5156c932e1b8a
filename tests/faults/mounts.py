"""Small file systems and read-only ones, by mounts: what binds even root."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NoMounts(Exception):
    """This process may not mount."""


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoMounts(done.stderr.strip())


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[None]:
    """Give a folder a file system of so many MiB while the block runs.

    Raises:
        NoMounts: see there.
    """
    folder.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Fill the file system of ``folder`` while the block runs; a plain write fails."""
    filler = folder / ".filler"
    descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        size = 2**20
        while size:
            try:
                os.write(descriptor, bytes(size))
            except OSError:
                size //= 2
        assert _refusal(folder) == errno.ENOSPC
        yield
    finally:
        os.close(descriptor)
        filler.unlink()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nothing below ``folder`` be written while the block runs; a plain write fails.

    Raises:
        NoMounts: see there.
    """
    _mount("--bind", str(folder), str(folder))
    try:
        _mount("-o", "remount,bind,ro", str(folder))
        assert _refusal(folder) == errno.EROFS
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _refusal(folder: Path) -> int | None:
    """Return the error of a plain write to a folder; None if it succeeds."""
    probe = folder / ".probe"
    try:
        probe.write_bytes(bytes(4096))
    except OSError as error:
        return error.errno
    finally:
        if probe.exists():
            probe.unlink()
    return None
