"""Commands that are printed for the user to type."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

PROGRAM = "nas"


def typed(*words: str | Path) -> str:
    """Return ``nas WORDS``, quoted for a shell, with the program as this process was called.

    The program is ``nas`` if a shell finds it by this name, else its path, such as
    ``.venv/bin/nas``. Paths below the current folder are relative to it.
    """
    return shlex.join([_program(), *(w if isinstance(w, str) else from_here(w) for w in words)])


def _program() -> str:
    called = sys.argv[0]
    if Path(called).name != PROGRAM or not os.path.isfile(called):
        return PROGRAM  # it runs inside another program
    on_path = shutil.which(PROGRAM)
    return PROGRAM if on_path is not None and os.path.samefile(on_path, called) else called


def from_here(path: Path) -> str:
    """Return a path as it can be typed: relative to the current folder, if it is below it."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute)
