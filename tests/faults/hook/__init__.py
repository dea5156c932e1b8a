"""The module that Python imports by itself in a command that is to be killed or counted."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent


def hook(runs: Path | str, **variables: str) -> dict[str, str]:
    """Return environment variables by which ``sitecustomize`` acts in a command.

    Args:
        runs: the folder whose changes are counted.
        variables: ``FAULTS_KILL_AT`` or ``FAULTS_COUNTS``.
    """
    path = f"{FOLDER}{os.pathsep}{FOLDER.parents[2]}"
    return {"PYTHONPATH": path, "FAULTS_FOLDER": str(runs)} | variables
