"""The names of new runs: which are free, and whether a folder can be made under one."""

from __future__ import annotations

import os
from pathlib import Path

from nas.errors import RunError

ARCHIVE = "evaluations.jsonl"
"""The ledger of an archived run."""


def check_new(runs: Path, name: str) -> None:
    """Check that there is no run of this name, and that its folder can be made.

    Raises:
        RunError: there is one, and the message says what to do; or its folder cannot be made.
    """
    if (runs / name).exists():
        raise RunError(
            f"run {name!r} already exists in {runs}: continue it with --resume, or "
            f"choose another name with name={next_name(runs, name)}"
        )
    there = next(folder for folder in (runs, *runs.parents) if folder.exists())
    if not there.is_dir():
        raise RunError(f"cannot make {runs / name}: {there} is not a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise RunError(f"cannot make {runs / name}: {there} cannot be written")


def next_name(runs: Path, name: str) -> str:
    """Return the first of NAME-2, NAME-3, ... that is free."""
    number = 2
    while (runs / f"{name}-{number}").exists():
        number += 1
    return f"{name}-{number}"
