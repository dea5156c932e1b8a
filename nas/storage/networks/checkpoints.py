"""Checkpoint files: write one, and keep those of paused trials, one a trial, in a run's folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from nas.atomic_write import replace_file
from trainers import CheckpointError, checkpoint_bytes


def save_checkpoint(path: Path, payload: Mapping[str, Any]) -> None:
    """Write ``payload`` (tensors and plain values) for :func:`trainers.load_checkpoint`.

    A reader sees the old file or the new one, also after a crash or on a full disk. The folder
    is made if missing.

    Raises:
        CheckpointError: the file cannot be written; ``path`` keeps its content.
    """
    # in memory first: torch's own file writer reports a full disk as an internal error
    content = checkpoint_bytes(payload)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    except OSError as error:
        raise CheckpointError(
            f"cannot write the checkpoint {path} ({len(content)} bytes): {error.strerror}; "
            "an earlier checkpoint there is kept"
        ) from error


class PausedStates:
    """The checkpoint files of one run; their content is bytes here.

    Args:
        folder: of the files; made when the first one is saved.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def file_of(self, number: int) -> Path:
        """Return the path of a trial's file, whether it exists or not."""
        return self.folder / f"trial-{number}.pt"

    def place_of(self, number: int) -> str:
        """Return the name of a trial's state in messages."""
        return str(self.file_of(number))

    def save(self, number: int, content: bytes) -> None:
        """Save a trial's state in place of an earlier one, whole or not at all.

        Raises:
            OSError: the disk is full or not writable; an earlier state stays.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        replace_file(self.file_of(number), content)

    def load(self, number: int) -> bytes:
        """Return a trial's state.

        Raises:
            OSError: there is none, or it cannot be read.
        """
        return self.file_of(number).read_bytes()

    def holds(self, number: int) -> bool:
        """Return whether a trial's state was saved."""
        return self.file_of(number).is_file()

    def discard(self, number: int) -> None:
        """Delete a trial's state, if there is one."""
        self.file_of(number).unlink(missing_ok=True)

    def keep_only(self, numbers: Collection[int]) -> None:
        """Delete all other trials' states, and partial files that a killed process left."""
        if not self.folder.is_dir():
            return
        kept = {self.file_of(number) for number in numbers}
        for file in self.folder.iterdir():
            if file not in kept:
                file.unlink()
        if not numbers:
            self.folder.rmdir()
