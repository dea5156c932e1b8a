"""Names that a shell completes."""

from __future__ import annotations

import os
from pathlib import Path

import typer


def run_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of runs that begin so, and ``latest``.

    They are those in the folder of ``--runs``, where it stands before, or of ``NAS_RUNS``.
    """
    folder = Path(context.params.get("runs") or os.environ.get("NAS_RUNS") or "runs")
    names = [file.parent.name for file in sorted(folder.glob("*/config.yaml"))]
    return [name for name in (*names, "latest") if name.startswith(incomplete)]
