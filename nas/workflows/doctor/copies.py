"""Copies of all that a repair changes, taken before it changes anything."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nas.errors import RunError

PREFIX = ".before-repair-"
MOVED_ROWS = "rows-moved-out.jsonl"
"""The file among the copies that has the ledger's rows that were changed or moved out."""

SPARE_BYTES = 2**20
"""The room that must be left on the disk beyond the copies."""


class Copies:
    """The folder ``RUN/.before-repair-TIME`` of one repair, made when the first file is copied.

    Args:
        run: the run's folder.

    Attributes:
        bytes: the size of all copies.
    """

    def __init__(self, run: Path) -> None:
        self._run = run
        self.folder = _free_name(run / f"{PREFIX}{time.strftime('%Y%m%d-%H%M%S')}")
        self.bytes = 0
        self._taken: set[Path] = set()

    def take(self, files: Iterable[Path]) -> None:
        """Copy files and folders, each once: later versions of one were made by the repair.

        Raises:
            RunError: the disk lacks the room, or a file cannot be copied; nothing is changed yet.
        """
        wanted = [file for file in dict.fromkeys(files) if file not in self._taken]
        present = [file for file in wanted if file.exists() or file.is_symlink()]
        size = sum(size_of(file) for file in present)
        try:
            free = shutil.disk_usage(self._run).free
            if size + SPARE_BYTES > free:
                raise RunError(
                    f"{self.folder} needs {size:,} bytes for copies of what a repair changes, and "
                    f"{free:,} bytes are free: make room, for example with `nas clean`"
                )
            self.folder.mkdir(exist_ok=True)
            for file in present:
                target = self.folder / self._name_of(file)
                target.parent.mkdir(parents=True, exist_ok=True)
                if file.is_dir() and not file.is_symlink():
                    shutil.copytree(file, target, symlinks=True, dirs_exist_ok=True)
                else:
                    shutil.copy2(file, target, follow_symlinks=False)
        except OSError as error:
            place = error.filename or self.folder
            raise RunError(
                f"cannot copy {place} before the repair, so that nothing was changed: "
                f"{error.strerror or error}"
            ) from error
        self._taken.update(wanted)
        self.bytes += size

    def _name_of(self, file: Path) -> Path:
        """Return a copy's path in the folder; what lies beside the run is under ``beside``."""
        if file.is_relative_to(self._run):
            return file.relative_to(self._run)
        return Path("beside") / file.name


def note_moved(copies: Path, record: Mapping[str, Any]) -> None:
    """Append a row of the ledger to the rows that were moved out, and sync it to the disk."""
    line = json.dumps(record, default=repr)
    with (copies / MOVED_ROWS).open("a", encoding="ascii") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; links count nothing."""
    if path.is_symlink():
        return 0
    if path.is_file():
        return path.stat().st_size
    return sum(
        inner.stat().st_size
        for inner in path.rglob("*")
        if inner.is_file() and not inner.is_symlink()
    )


def _free_name(folder: Path) -> Path:
    number, free = 1, folder
    while free.exists():
        number += 1
        free = folder.with_name(f"{folder.name}-{number}")
    return free
