"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.arguments.completion import run_names

Runs = Annotated[Path, typer.Option(envvar="NAS_RUNS", help="Folder of all runs.")]
RunName = Annotated[
    str, typer.Argument(help="A run's name or path, or `latest`.", autocompletion=run_names)
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Let the run or file import modules, use the environment and reach other machines.",
    ),
]
AllowChangedData = Annotated[
    bool,
    typer.Option(
        "--allow-changed-data",
        help="Go on though the images changed since the run began; results do not compare then.",
    ),
]
Storage = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Read the run from this database, its `storage`, without its folder; the password "
        "comes from ~/.pgpass or the environment.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

RUNS = Path("runs")
