"""What several commands share: arguments, options and the console that they print to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

Runs = Annotated[Path, typer.Option(envvar="NAS_RUNS", help="Folder of all runs.")]
RunName = Annotated[str, typer.Argument(help="A run's name or path, or `latest`.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

RUNS = Path("runs")
PIPED_COLUMNS = 120


def console() -> Console:
    """The console of standard output; it is wide enough for the tables in a file or pipe."""
    found = Console()
    if not found.is_terminal and "COLUMNS" not in os.environ:
        found.width = PIPED_COLUMNS
    return found
