"""The application: one module a group of commands, as ``nas --help`` groups them.

Heavy imports happen inside the commands that need them.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from nas.cli.arguments.jobs import job, submit
from nas.cli.arguments.networks import attention_maps, describe, tables, zoo
from nas.cli.arguments.query import diff, explain, frontier
from nas.cli.arguments.report import report
from nas.cli.arguments.search import runs, search, status
from nas.cli.arguments.tools import benchmark, data, fidelity, latency_table, tabulate, zero_cost
from nas.cli.arguments.train import ablate, export, predict, retrain, trace, train
from nas.cli.arguments.upkeep import archive, clean, doctor
from nas.cli.output import LogMessages, Output
from nas.cli.terminal import take_every_text

GROUPS: dict[str, tuple[Callable[..., None], ...]] = {
    "Search": (search, status, runs),
    "Query": (frontier, diff, explain, report),
    "Train": (train, retrain, trace, ablate, export, predict),
    "Networks": (zoo, tables, describe, attention_maps),
    "Tools": (data, benchmark, tabulate, latency_table, fidelity, zero_cost),
    "Upkeep": (doctor, clean, archive),
}
"""The commands of each group, in the order of ``nas --help``."""

EPILOGS: dict[Callable[..., None], str] = {
    search: "The settings that people change most: `search.n_trials=100` (architectures to train), "
    "`objectives=[val_accuracy,macs]`, `limits.params=200k`, `sampler.name=random`, and "
    "`resources.gpus_per_trial=0.5`. For example: nas search configs/searches/digits.yaml "
    "search.n_trials=100 limits.params=200k",
}
"""The text below the options of a command's help."""

SEVERAL: dict[str, typer.Typer] = {"submit": submit, "job": job}
"""Commands with commands of their own, such as ``nas submit search``."""

USAGE_ERROR: Any = typer.BadParameter.__base__
"""The base of the errors that Typer raises for a wrong command line; it exports only some."""


class _Commands(TyperGroup):
    """All commands; an error about a command line does not repeat the passwords in it."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except USAGE_ERROR as error:
            from nas.config.storage_url import hide_in  # noqa: PLC0415

            error.message = hide_in(error.message, sys.argv)
            raise


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Search architectures of convolution and self-attention, query the front, retrain.",
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        from importlib import metadata  # noqa: PLC0415

        Output().say(f"convattn {metadata.version('convattn')}")
        raise typer.Exit


@app.callback()
def _options_of_nas(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", is_eager=True, callback=_show_version
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show no progress and no warnings.")
    ] = False,
) -> None:
    Output.is_quiet = quiet
    if quiet:
        logging.getLogger().setLevel(logging.ERROR)


for group, commands in GROUPS.items():
    for command in commands:
        app.command(rich_help_panel=group, epilog=EPILOGS.get(command))(command)

for called, several in SEVERAL.items():
    app.add_typer(several, name=called, rich_help_panel="Cluster")


def run() -> None:
    """Run the command line; an error that a user can act on is one message and exit status 1."""
    take_every_text()
    logging.basicConfig(handlers=[LogMessages()])  # warnings and errors
    try:
        app(standalone_mode=True)
    except Exception as error:
        from nas.config.storage_url import hide_in  # noqa: PLC0415
        from nas.errors import is_user_error, message_of  # noqa: PLC0415

        if not is_user_error(error):
            raise
        Output(stderr=True).say(("error:", "bold red"), f" {hide_in(message_of(error), sys.argv)}")
        sys.exit(1)
