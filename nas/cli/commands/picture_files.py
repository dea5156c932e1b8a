"""Check the names of files that commands draw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nas.errors import CommandError


def check_ending(option: str, file: Path | None, ending: str) -> None:
    """Check that a file's name ends in its format, in upper or lower case.

    Raises:
        CommandError: ``file`` ends in something other than ``ending``.
    """
    check_one_of(option, file, (ending,))


def check_one_of(option: str, file: Path | None, endings: Sequence[str]) -> None:
    """Check that a file's name ends in one of several formats.

    Raises:
        CommandError: ``file`` ends in something else.
    """
    if file is not None and file.suffix.lower() not in endings:
        raise CommandError(f"{option} must end in {' or '.join(endings)}, got {str(file)!r}")
