"""Commands that are printed for the user to type, as they can be typed."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

PROGRAM = "nas"


def typed(*words: str | Path) -> str:
    """``nas WORDS`` quoted for a shell, with the program called as this process was.

    That is ``nas`` where a shell finds this program by its name, else its path, such as
    ``.venv/bin/nas``. A path below the current folder is written from there.
    """
    return shlex.join([_program(), *(w if isinstance(w, str) else _from_here(w) for w in words)])


def _program() -> str:
    called = sys.argv[0]
    if Path(called).name != PROGRAM or not os.path.isfile(called):
        return PROGRAM  # it runs inside another program
    found = shutil.which(PROGRAM)
    return PROGRAM if found is not None and os.path.samefile(found, called) else called


def _from_here(path: Path) -> str:
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute)
