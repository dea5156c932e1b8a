"""Commands that answer questions about a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.arguments.options import RUNS, AsJson, RunName, Runs, Storage, Trust
from nas.cli.output import Output
from nas.metrics import COSTS


def frontier(
    run: RunName,
    x: Annotated[str, typer.Option(help=f"Cost of the front: {', '.join(COSTS)}.")] = "params",
    y: Annotated[str, typer.Option(help="Accuracy of the front: val_accuracy.")] = "val_accuracy",
    under: Annotated[str, typer.Option(help="Limits, such as macs=40M,latency_ms=5.")] = "",
    as_json: AsJson = False,
    png: Annotated[Path | None, typer.Option(help="Also draw it here.")] = None,
    html: Annotated[Path | None, typer.Option(help="Also write an interactive page here.")] = None,
    trained: Annotated[
        bool,
        typer.Option(
            "--trained", help="Beside it, the front of networks that are trained in full."
        ),
    ] = False,
    storage: Storage = None,
    trust: Trust = False,
    runs: Runs = RUNS,
) -> None:
    """Show the Pareto front of a run."""
    from nas.cli.commands.query.frontier import show_frontier  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        show_frontier(
            output,
            run,
            runs,
            x=x,
            y=y,
            under=under,
            png=png,
            html=html,
            trained=trained,
            storage=storage,
            trust=trust,
        )
