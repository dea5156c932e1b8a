"""Commands that judge and prepare searches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.arguments.options import RUNS, AsJson, RunName, Runs, Trust
from nas.cli.output import Output
from nas.metrics import COUNTS


def benchmark(
    nas_bench_macro: Annotated[
        Path | None, typer.Option(help="The file nas-bench-macro_cifar10.json.")
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(help="Any table, .csv or .csv.gz, with one row for each architecture."),
    ] = None,
    tabulated: Annotated[
        Path | None, typer.Option(help="A table of `nas tabulate`; by default the included one.")
    ] = None,
    choices: Annotated[
        str, typer.Option(metavar="COL,COL", help="With --csv: the categorical columns.")
    ] = "",
    maximize: Annotated[
        str,
        typer.Option(
            metavar="COL",
            help="With --csv: the column to maximise, which training gives; or one for each of "
            "several trainings, COL+COL.",
        ),
    ] = "",
    minimize: Annotated[
        str,
        typer.Option(
            metavar="COL",
            help=f"The known cost to minimise; with --tabulated one of {', '.join(COUNTS)}.",
        ),
    ] = "",
    seconds: Annotated[
        str,
        typer.Option(
            metavar="COL",
            help="With --csv: training time in seconds; by default proportional to the cost.",
        ),
    ] = "",
    samplers: Annotated[
        str, typer.Option(help="Such as random,nsga2:population_size=20; all by default.")
    ] = "",
    budget: Annotated[
        int, typer.Option(help="Distinct architectures that each replay evaluates.")
    ] = 300,
    seeds: Annotated[str, typer.Option(help="A number, or a range such as 0-19.")] = "20",
    workers: Annotated[int, typer.Option(help="Simulated trainings at the same time.")] = 1,
    scheduler: Annotated[
        str, typer.Option(help="none, asha, or several: none,asha:type=rung_by_rung.")
    ] = "none",
    noise: Annotated[
        str,
        typer.Option(
            metavar="POINTS",
            help="Trainings deviate by so many percentage points (standard deviation), or by "
            "those of the table with `trainings`; figures are by the true values.",
        ),
    ] = "",
    processes: Annotated[
        int | None, typer.Option(help="Replays at the same time; by default one for each CPU.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write every evaluation here.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the curves here, a .png.")] = None,
    trust: Trust = False,
) -> None:
    """Replay samplers and schedulers on a table of trained architectures; nothing is trained."""
    from nas.cli.commands.tools.benchmark import run_benchmark  # noqa: PLC0415
    from nas.cli.commands.tools.benchmark_source import Source  # noqa: PLC0415

    run_benchmark(
        Output(),
        Source(nas_bench_macro, csv, tabulated, choices, maximize, minimize, seconds, trust),
        samplers=samplers,
        scheduler=scheduler,
        budget=budget,
        seeds=seeds,
        workers=workers,
        noise=noise,
        processes=processes,
        json_file=json_file,
        plot=plot,
    )


def data(
    config: Annotated[
        Path, typer.Argument(help="A search's YAML file, or one with a section `data` alone.")
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Changes to the file: data.key=value ...")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Read headers only; damaged pixels are not found.")
    ] = False,
    picture: Annotated[Path | None, typer.Option(help="Draw sample pictures here, a .png.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is read of a data set, and all that is wrong with it; then the status is 1."""
    from nas.cli.commands.tools.data import show_data  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        is_right = show_data(output, config, overrides or [], headers_only=quick, picture=picture)
    if not is_right:
        raise typer.Exit(1)


def tabulate(
    config: Annotated[Path, typer.Argument(help="The tabulation's YAML file.")],
    out: Annotated[
        Path, typer.Option(help="The table to write, a .csv.gz; its journal is kept beside it.")
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Changes to the file: section.key=value ...")
    ] = None,
) -> None:
    """Train a whole small space with every seed, as a tabular benchmark; continue one begun."""
    from nas.cli.commands.tools.tabulate import run_tabulate_command  # noqa: PLC0415

    run_tabulate_command(Output(), config, overrides or [], out)


def latency_table(
    source: Annotated[Path, typer.Argument(help="A search's YAML file, or a space's.")],
    out: Annotated[
        Path, typer.Option(help="The table to write, a .json; an unfinished one is continued.")
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Changes, such as latency.threads=2 ...")
    ] = None,
    image: Annotated[
        str, typer.Option(help="For a space: channels, height and width, such as 3x32x32.")
    ] = "",
    classes: Annotated[int | None, typer.Option(help="For a space: number of classes.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights, order and networks.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Measure a space's parts on this idle machine, to predict its networks' latencies."""
    from nas.cli.commands.tools.latency_table import make_table_command  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        make_table_command(
            output,
            source,
            overrides or [],
            out,
            image=image,
            classes=classes,
            seed=seed,
        )


def fidelity(
    run: RunName,
    curves: Annotated[
        bool,
        typer.Option(
            "--curves", help="Only compare early epochs with the last; needs no retraining."
        ),
    ] = False,
    as_json: AsJson = False,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw proxy and full accuracies in this PNG.")
    ] = None,
    trust: Trust = False,
    runs: Runs = RUNS,
) -> None:
    """Show whether the proxy ranks architectures as full training does (Kendall, Spearman)."""
    from nas.cli.commands.tools.fidelity import show_fidelity  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        show_fidelity(output, run, runs, curves=curves, plot=plot, trust=trust)


def zero_cost(
    run: RunName,
    scores: Annotated[str, typer.Option(help="Such as synflow,naswot; all by default.")] = "",
    as_json: AsJson = False,
    trust: Trust = False,
    runs: Runs = RUNS,
) -> None:
    """Show whether scores of untrained networks rank a run's trials as training did."""
    from nas.cli.commands.tools.zero_cost import show_zero_cost  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        show_zero_cost(output, run, runs, scores=scores, trust=trust)
