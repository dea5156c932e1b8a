"""A virtual environment with some installed distributions alone, as on another's machine."""

from __future__ import annotations

import re
import venv
from importlib.metadata import distribution
from pathlib import Path


def environment_with(folder: Path, *names: str) -> Path:
    """Make an environment that has these distributions and what they need; return its Python.

    The distributions are links to those that are installed here, so that no server is asked.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    for name in _with_what_they_need(names):
        found_here = distribution(name)
        tops = {file.parts[0] for file in found_here.files or ()} - {"..", "__pycache__"}
        for top in tops:
            link = site_packages / top
            if not link.exists():
                link.symlink_to(Path(str(found_here.locate_file(top))))
    return folder / "bin" / "python"


def _with_what_they_need(names: tuple[str, ...]) -> set[str]:
    known: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in known:
            continue
        known.add(name)
        for needed in distribution(name).requires or ():
            if "extra ==" not in needed:
                waiting.append(re.split(r"[^\w.-]", needed, maxsplit=1)[0])
    return known
