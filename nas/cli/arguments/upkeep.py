"""Commands that look after the folders of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from nas.cli.arguments.options import RUNS, AsJson, RunName, Runs, Trust
from nas.cli.output import Output


def doctor(
    run: RunName,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Mend what can be mended, after a copy of what it changes."),
    ] = False,
    as_json: AsJson = False,
    trust: Trust = False,
    runs: Runs = RUNS,
) -> None:
    """Check a run's files against each other; say what is wrong, and what can be recovered."""
    from nas.cli.commands.upkeep.doctor import show_diagnosis  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        is_healthy = show_diagnosis(output, run, runs, repairs=repair, trust=trust)
    if not is_healthy:
        raise typer.Exit(1)


def clean(
    run: RunName,
    keep: Annotated[
        Literal["all", "front"],
        typer.Option(help="Networks of full trainings to keep: all, or those on the front."),
    ] = "all",
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would go; do not ask.")
    ] = False,
    as_json: AsJson = False,
    trust: Trust = False,
    runs: Runs = RUNS,
) -> None:
    """Remove files of a run that no command needs; say what goes, and how much, before."""
    from nas.cli.commands.upkeep.clean import clean_run  # noqa: PLC0415
    from nas.errors import CommandError  # noqa: PLC0415

    if yes and dry_run:
        raise CommandError("--yes and --dry-run exclude each other")
    with Output(as_json=as_json) as output:
        clean_run(output, run, runs, keep=keep, yes=yes, dry_run=dry_run, trust=trust)


def archive(
    run: RunName,
    folder: Annotated[Path, typer.Argument(help="A new folder, such as results/digits.")],
    as_json: AsJson = False,
    trust: Trust = False,
    runs: Runs = RUNS,
) -> None:
    """Write a run's results to a small folder without networks, which commands read as a run."""
    from nas.cli.commands.upkeep.archive import run_archive_command  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        run_archive_command(output, run, folder, runs, trust=trust)
