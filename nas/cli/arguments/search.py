"""Commands that search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.arguments.options import (
    RUNS,
    AllowChangedData,
    AsJson,
    RunName,
    Runs,
    Storage,
    Trust,
)
from nas.cli.output import Output


def search(
    config: Annotated[
        Path,
        typer.Argument(
            help="The search's YAML file: docs/configuration.md has its keys, and docs/data.md "
            "shows how to name images of your own."
        ),
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Changes to the file: section.key=value ...")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Continue the run of this name.")] = False,
    resume_or_start: Annotated[
        bool,
        typer.Option(
            "--resume-or-start",
            help="Continue the run of this name, or start it if there is none; for launchers.",
        ),
    ] = False,
    again: Annotated[
        bool, typer.Option(help="Resume the newest run of this name if unfinished, or start anew.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print the expected costs; start nothing.")
    ] = False,
    allow_changed_data: AllowChangedData = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --dry-run: print JSON.")] = False,
    trust: Trust = False,
    runs: Runs = RUNS,
) -> None:
    """Search, then print the Pareto front and write it as PNG and HTML."""
    from nas.errors import CommandError  # noqa: PLC0415

    if as_json and not dry_run:
        raise CommandError("--json goes with --dry-run only")
    if dry_run:
        if resume or again or resume_or_start:
            raise CommandError("--dry-run excludes --resume, --again and --resume-or-start")
        from nas.cli.commands.search.dry_run import show_dry_run  # noqa: PLC0415

        with Output(as_json=as_json) as output:
            show_dry_run(output, config, overrides or [], runs, trust=trust)
        return
    from nas.cli.commands.search.search import run_search_command  # noqa: PLC0415

    run_search_command(
        Output(),
        config,
        overrides or [],
        runs,
        resume=resume,
        again=again,
        resume_or_start=resume_or_start,
        allow_changed_data=allow_changed_data,
        trust=trust,
    )


def status(
    run: RunName,
    watch: Annotated[
        bool, typer.Option("--watch", help="Follow the run until it is finished, or Ctrl-C.")
    ] = False,
    as_json: AsJson = False,
    storage: Storage = None,
    trust: Trust = False,
    runs: Runs = RUNS,
) -> None:
    """Show the progress of a run, and where its device-hours went."""
    from nas.errors import CommandError  # noqa: PLC0415

    if watch and as_json:
        raise CommandError("--watch and --json exclude each other")
    if watch:
        from nas.cli.commands.search.watch import watch_run  # noqa: PLC0415

        watch_run(Output(), run, runs, storage=storage, trust=trust)
        return
    from nas.cli.commands.search.status import show_status  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        show_status(output, run, runs, storage=storage, trust=trust)


def runs(as_json: AsJson = False, runs: Runs = RUNS) -> None:
    """List the runs, the newest first: state, trials trained, size of the front."""
    from nas.cli.commands.search.runs import show_runs  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        show_runs(output, runs)
