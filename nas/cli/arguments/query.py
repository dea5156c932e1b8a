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
    certainty: Annotated[
        bool,
        typer.Option("--certainty", help="Each member's probability to be on the front in truth."),
    ] = False,
    spend: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Name the further seeds that make the front surer fastest within this time of "
            "training, such as 20h or 1h 30m.",
        ),
    ] = None,
    do: Annotated[bool, typer.Option("--do", help="Train the further seeds of --spend.")] = False,
    storage: Storage = None,
    trust: Trust = False,
    runs: Runs = RUNS,
) -> None:
    """Show the Pareto front of a run."""
    if certainty or spend is not None or do:
        from nas.cli.commands.query.certainty import show_certainty  # noqa: PLC0415
        from nas.errors import CommandError  # noqa: PLC0415

        if trained or png is not None or html is not None:
            raise CommandError("--certainty and --spend exclude --trained, --png and --html")
        with Output(as_json=as_json) as output:
            show_certainty(
                output,
                run,
                runs,
                x=x,
                y=y,
                under=under,
                spend=spend,
                do=do,
                storage=storage,
                trust=trust,
            )
        return
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


def explain(
    run: RunName,
    equal: Annotated[
        str,
        typer.Option(
            metavar="COST",
            help="Compare accuracies at equal params, macs or activations.",
        ),
    ] = "macs",
    png: Annotated[
        Path | None,
        typer.Option(help="Draw here where convolution and where attention wins, by stage."),
    ] = None,
    as_json: AsJson = False,
    storage: Storage = None,
    trust: Trust = False,
    runs: Runs = RUNS,
) -> None:
    """Say which choices of a run's space matter, for accuracy and for each cost."""
    from nas.cli.commands.query.explain import show_explanation  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        show_explanation(output, run, runs, equal=equal, png=png, storage=storage, trust=trust)
