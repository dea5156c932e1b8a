"""The command that writes a page on runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.arguments.completion import run_names
from nas.cli.arguments.options import RUNS, AsJson, Runs, Storage, Trust
from nas.cli.output import Output
from nas.errors import CommandError


def report(
    runs_shown: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...", help="Names or paths of runs, or `latest`.", autocompletion=run_names
        ),
    ],
    html: Annotated[
        Path, typer.Option("-o", "--output", help="The page to write; it loads no other file.")
    ] = Path("report.html"),
    serve: Annotated[
        bool,
        typer.Option("--serve", help="Serve it on this machine alone, anew as trials end."),
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of --serve; 0 takes a free one.")
    ] = 8266,
    storage: Storage = None,
    as_json: AsJson = False,
    trust: Trust = False,
    runs: Runs = RUNS,
) -> None:
    """Write a page on a run, or several: front, networks, costs, what is sure and what is next."""
    from nas.cli.commands.query.report import write_report  # noqa: PLC0415
    from nas.cli.commands.query.report_server import serve_report  # noqa: PLC0415

    if serve and as_json:
        raise CommandError("--serve and --json exclude each other")
    with Output(as_json=as_json) as output:
        if serve:
            serve_report(output, runs_shown, runs, port=port, storage=storage, trust=trust)
        else:
            write_report(output, runs_shown, runs, html=html, storage=storage, trust=trust)
