"""Check the names of files that commands draw."""

from __future__ import annotations

from pathlib import Path

from nas.errors import CommandError


def check_ending(option: str, file: Path | None, *endings: str) -> None:
    """Check that a file's name ends in its format, in upper or lower case.

    Raises:
        CommandError: ``file`` ends in something other than one of ``endings``.
    """
    if file is not None and file.suffix.lower() not in endings:
        raise CommandError(f"{option} must end in {' or '.join(endings)}, got {str(file)!r}")
