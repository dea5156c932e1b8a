"""Commands that train what was found."""

from __future__ import annotations

from typing import Annotated

import typer

from nas.cli.options import RUNS, AsJson, RunName, Runs
from nas.output import Output


def retrain(
    run: RunName,
    pick: Annotated[str, typer.Option(help="knee, best, all (of the front), or an arch_id.")],
    baseline: Annotated[
        bool, typer.Option(help="Beside each, a plain convolutional network of equal parameters.")
    ] = False,
    as_json: AsJson = False,
    runs: Runs = RUNS,
) -> None:
    """Train found architectures in full; the test images are looked at once, here."""
    from nas.commands.retrain import run_retrain_command  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        run_retrain_command(output, run, runs, pick=pick, baseline=baseline)
