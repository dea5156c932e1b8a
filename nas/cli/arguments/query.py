"""Commands that answer questions about runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from nas.cli.arguments.completion import run_names
from nas.cli.arguments.options import RUNS, AsJson, RunName, Runs, Storage, Trust
from nas.cli.output import Output
from nas.metrics import COSTS


def frontier(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Names or paths of runs, or `latest`; several give one front.",
            autocompletion=run_names,
        ),
    ],
    x: Annotated[str, typer.Option(help=f"Cost of the front: {', '.join(COSTS)}.")] = "params",
    y: Annotated[
        str, typer.Option(help="Accuracy of the front, or another cost.")
    ] = "val_accuracy",
    z: Annotated[str, typer.Option(help="A third objective, such as macs.")] = "",
    under: Annotated[str, typer.Option(help="Limits, such as macs=40M,latency_ms=5.")] = "",
    near: Annotated[
        str, typer.Option(help="Show the member nearest to these costs, such as params=5M.")
    ] = "",
    top: Annotated[
        int | None, typer.Option(help="Show so many members: the best, or with --near the nearest.")
    ] = None,
    only_knee: Annotated[bool, typer.Option("--knee", help="Show the knee alone.")] = False,
    form: Annotated[
        Literal["table", "json", "csv", "markdown"],
        typer.Option("--format", help="How the front is printed; CSV has plain numbers."),
    ] = "table",
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
    """Show the Pareto front of a run, or of several together."""
    from nas.cli.commands.query.frontier import FrontQuery, show_frontier  # noqa: PLC0415

    query = FrontQuery(x=x, y=y, z=z, under=under, near=near, top=top, knee=only_knee)
    if certainty or spend is not None or do:
        from nas.cli.commands.query.certainty import show_certainty  # noqa: PLC0415
        from nas.errors import CommandError  # noqa: PLC0415

        excluded = trained, png, html, z, near, top, only_knee, form not in ("table", "json")
        if len(names) > 1 or any(excluded):
            raise CommandError(
                "--certainty and --spend take one run, --x, --y and --under, and print a table or "
                "JSON"
            )
        with Output(as_json=as_json or form == "json") as output:
            show_certainty(
                output,
                names[0],
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

    text = form if form in ("csv", "markdown") else None
    with Output(as_json=as_json or form != "table") as output:
        show_frontier(
            output,
            names,
            runs,
            query,
            png=png,
            html=html,
            text=text,
            trained=trained,
            storage=storage,
            trust=trust,
        )


def diff(
    networks: Annotated[
        list[str],
        typer.Argument(
            metavar="NETWORK...",
            help="RUN:ARCH_ID (its first digits do), names of `nas zoo`, files of architectures; "
            "or one run, for the steps along its front.",
        ),
    ],
    as_json: AsJson = False,
    trust: Trust = False,
    runs: Runs = RUNS,
) -> None:
    """Show what changes between networks, stage by stage, with costs and accuracies."""
    from nas.cli.commands.query.diff import show_diff  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        show_diff(output, networks, runs, trust=trust)


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
