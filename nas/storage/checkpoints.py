"""Where paused trainings go on from: one checkpoint file a trial, in the run's folder."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from nas.atomic_write import replace_file


class PausedStates:
    """The files of one run. What they hold is the business of those who write and read them.

    Args:
        folder: made when the first one is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def file_of(self, number: int) -> Path:
        """A trial's file, whether it is there or not."""
        return self.folder / f"trial-{number}.pt"

    def place_of(self, number: int) -> str:
        """The name of a trial's state in messages."""
        return str(self.file_of(number))

    def save(self, number: int, content: bytes) -> None:
        """Keep a trial's state in place of an earlier one, whole or not at all.

        Raises:
            OSError: the disk is full or not writable; an earlier state stays.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        replace_file(self.file_of(number), content)

    def load(self, number: int) -> bytes:
        """A trial's state.

        Raises:
            OSError: there is none, or it cannot be read.
        """
        return self.file_of(number).read_bytes()

    def holds(self, number: int) -> bool:
        """Whether a trial's state is there."""
        return self.file_of(number).is_file()

    def discard(self, number: int) -> None:
        """Let go of a trial's state, if there is one."""
        self.file_of(number).unlink(missing_ok=True)

    def keep_only(self, numbers: Collection[int]) -> None:
        """Let go of all other trials' states, and of what a killed process left half written."""
        if not self.folder.is_dir():
            return
        kept = {self.file_of(number) for number in numbers}
        for file in self.folder.iterdir():
            if file not in kept:
                file.unlink()
        if not numbers:
            self.folder.rmdir()
