"""Files that commands draw: what their names must end in."""

from __future__ import annotations

from pathlib import Path

from nas.errors import CommandError


def check_ending(option: str, file: Path | None, ending: str) -> None:
    """See that a file is named for the format that it will have, in upper or lower case.

    Raises:
        CommandError: ``file`` ends in something other than ``ending``.
    """
    if file is not None and file.suffix.lower() != ending:
        raise CommandError(f"{option} must end in {ending}, got {str(file)!r}")
