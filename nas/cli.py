"""The command line, ``nas``. Heavy imports happen inside the commands that need them."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Search architectures of convolution and self-attention, query the front, retrain.",
)

Runs = Annotated[Path, typer.Option(envvar="NAS_RUNS", help="Folder of all runs.")]
RunName = Annotated[str, typer.Argument(help="A run's name or path, or `latest`.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

RUNS = Path("runs")
PIPED_COLUMNS = 120
INTERRUPTED = 130
"""The exit status of a command ended by Ctrl-C, as shells have it."""


@app.command()
def search(
    config: Annotated[Path, typer.Argument(help="The search's YAML file.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Changes to it: section.key=value ...")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Continue the run of this name.")] = False,
    again: Annotated[
        bool, typer.Option(help="Resume the newest run of this name if unfinished, or start anew.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what it would cost; makes no run.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Of --dry-run: print JSON.")] = False,
    runs: Runs = RUNS,
) -> None:
    """Search, then print the Pareto front and write it as PNG and HTML."""
    from nas.user_errors import CommandError  # noqa: PLC0415

    if as_json and not dry_run:
        raise CommandError("--json goes with --dry-run only")
    if dry_run:
        if resume or again:
            raise CommandError("--dry-run excludes --resume and --again")
        from nas.commands.dry_run import show_dry_run  # noqa: PLC0415

        show_dry_run(_console(), config, overrides or [], runs, as_json=as_json)
        return
    from nas.commands.search import run_search_command  # noqa: PLC0415

    run_search_command(_console(), config, overrides or [], runs, resume=resume, again=again)


@app.command()
def status(run: RunName, as_json: AsJson = False, runs: Runs = RUNS) -> None:
    """How far a run is, and what it cost."""
    from nas.commands.status import show_status  # noqa: PLC0415

    show_status(_console(), run, runs, as_json=as_json)


@app.command()
def frontier(
    run: RunName,
    x: Annotated[
        str, typer.Option(help="Cost: params, macs, activations, peak_memory_mb, latency_ms.")
    ] = "params",
    y: Annotated[str, typer.Option(help="Worth: val_accuracy.")] = "val_accuracy",
    under: Annotated[str, typer.Option(help="Limits, such as macs=40M,latency_ms=5.")] = "",
    as_json: AsJson = False,
    png: Annotated[Path | None, typer.Option(help="Also draw it here.")] = None,
    html: Annotated[Path | None, typer.Option(help="Also write an interactive page here.")] = None,
    runs: Runs = RUNS,
) -> None:
    """The Pareto front of a run."""
    from nas.commands.frontier import show_frontier  # noqa: PLC0415

    show_frontier(_console(), run, runs, x=x, y=y, under=under, as_json=as_json, png=png, html=html)


@app.command()
def describe(
    what: Annotated[str, typer.Argument(help="A network's name, an arch_id of a run, or a file.")],
    image: Annotated[
        str, typer.Option(help="Channels, height, width in pixels, such as 3x224x224.")
    ] = "",
    classes: Annotated[int | None, typer.Option(help="Classes.")] = None,
    kernels: Annotated[
        bool, typer.Option("--kernels", help="Show by what its attention runs here.")
    ] = False,
    as_json: AsJson = False,
    runs: Runs = RUNS,
) -> None:
    """An architecture, stage by stage: parameters, MACs, output shape."""
    from nas.commands.describe import show_architecture  # noqa: PLC0415

    show_architecture(
        _console(), what, runs, image=image, classes=classes, kernels=kernels, as_json=as_json
    )


@app.command()
def zoo(
    containing: Annotated[
        str, typer.Option("--filter", help="Only those with this text in name, group or source.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """The papers' networks by name, with what they cost."""
    from nas.commands.zoo import show_zoo  # noqa: PLC0415

    show_zoo(_console(), containing=containing, as_json=as_json)


@app.command()
def tables(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TABLE]...", help="Such as aacn3 or sasa1; all if none is given."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Every table of the two papers beside what is counted here."""
    from nas.commands.tables import show_tables  # noqa: PLC0415

    show_tables(_console(), names or [], as_json=as_json)


@app.command()
def tabulate(
    config: Annotated[Path, typer.Argument(help="The tabulation's YAML file.")],
    out: Annotated[Path, typer.Option(help="The table, a .csv.gz; its journal lies beside it.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Changes to it: section.key=value ...")
    ] = None,
) -> None:
    """Train a whole small space with every seed: a tabular benchmark. Continues where it was."""
    from nas.commands.tabulate import run_tabulate_command  # noqa: PLC0415

    run_tabulate_command(_console(), config, overrides or [], out)


@app.command()
def benchmark(
    nas_bench_macro: Annotated[
        Path | None, typer.Option(help="The file nas-bench-macro_cifar10.json.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Any table, .csv or .csv.gz: one row an architecture.")
    ] = None,
    tabulated: Annotated[
        Path | None, typer.Option(help="A table of `nas tabulate`; the project's own by default.")
    ] = None,
    choices: Annotated[
        str, typer.Option(metavar="COL,COL", help="Of --csv: its categorical columns.")
    ] = "",
    maximize: Annotated[
        str, typer.Option(metavar="COL", help="Of --csv: what training gives.")
    ] = "",
    minimize: Annotated[
        str,
        typer.Option(
            metavar="COL", help="The known cost; of --tabulated: params, macs, activations."
        ),
    ] = "",
    seconds: Annotated[
        str, typer.Option(metavar="COL", help="Of --csv: training time; else as the cost.")
    ] = "",
    samplers: Annotated[
        str, typer.Option(help="Such as random,nsga2:population_size=20; all if not given.")
    ] = "",
    budget: Annotated[int, typer.Option(help="Distinct architectures.")] = 300,
    seeds: Annotated[str, typer.Option(help="A number, or a range such as 0-19.")] = "20",
    workers: Annotated[int, typer.Option(help="Simulated trainings at once.")] = 1,
    scheduler: Annotated[
        str, typer.Option(help="none, asha, or several: none,asha:type=rung_by_rung.")
    ] = "none",
    processes: Annotated[
        int | None, typer.Option(help="Replays at once; one a CPU by default.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write every evaluation here.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the curves here, a .png.")] = None,
) -> None:
    """Replay samplers and schedulers on a table of trained architectures; nothing is trained."""
    from nas.commands.benchmark import run_benchmark  # noqa: PLC0415
    from nas.commands.benchmark_source import Source  # noqa: PLC0415

    run_benchmark(
        _console(),
        Source(nas_bench_macro, csv, tabulated, choices, maximize, minimize, seconds),
        samplers=samplers,
        scheduler=scheduler,
        budget=budget,
        seeds=seeds,
        workers=workers,
        processes=processes,
        json_file=json_file,
        plot=plot,
    )


@app.command("latency-table")
def latency_table(
    source: Annotated[Path, typer.Argument(help="A search's YAML file, or a space's.")],
    out: Annotated[Path, typer.Option(help="The table, a .json; continues where it was.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Changes, such as latency.threads=2 ...")
    ] = None,
    image: Annotated[
        str, typer.Option(help="Of a space: channels, height, width, such as 3x32x32.")
    ] = "",
    classes: Annotated[int | None, typer.Option(help="Of a space: classes.")] = None,
    seed: Annotated[int, typer.Option(help="Of weights, order and networks.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Measure a space's parts on this idle machine, to predict its networks' latencies."""
    from nas.commands.latency_table import make_table_command  # noqa: PLC0415

    make_table_command(
        _console(),
        source,
        overrides or [],
        out,
        image=image,
        classes=classes,
        seed=seed,
        as_json=as_json,
    )


@app.command()
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

    run_retrain_command(_console(), run, runs, pick=pick, baseline=baseline, as_json=as_json)


@app.command()
def fidelity(
    run: RunName,
    curves: Annotated[
        bool, typer.Option("--curves", help="Only early against last epochs; needs no retraining.")
    ] = False,
    as_json: AsJson = False,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw proxy and full accuracies, a PNG.")
    ] = None,
    runs: Runs = RUNS,
) -> None:
    """Whether the proxy ranks architectures as full training does (Kendall, Spearman)."""
    from nas.commands.fidelity import show_fidelity  # noqa: PLC0415

    show_fidelity(_console(), run, runs, curves=curves, as_json=as_json, plot=plot)


@app.command("zero-cost")
def zero_cost(
    run: RunName,
    scores: Annotated[str, typer.Option(help="Such as synflow,naswot; all if not given.")] = "",
    as_json: AsJson = False,
    runs: Runs = RUNS,
) -> None:
    """Whether scores of untrained networks rank a run's trials as training did."""
    from nas.commands.zero_cost import show_zero_cost  # noqa: PLC0415

    show_zero_cost(_console(), run, runs, scores=scores, as_json=as_json)


@app.command("attention-maps")
def attention_maps(
    model_file: Annotated[Path, typer.Argument(help="A model.pt that `nas retrain` wrote.")],
    image: Annotated[str, typer.Option(help="validation:INDEX or an image file.")] = "validation:0",
    pixels: Annotated[
        str, typer.Option(help="'row,column row,column', from 0; else the quadrants' centres.")
    ] = "",
    layer: Annotated[
        str, typer.Option(help="A layer's name; else the last of more than one pixel.")
    ] = "",
    png: Annotated[
        Path | None, typer.Option(help="Else attention-maps.png beside the model.")
    ] = None,
) -> None:
    """Where the heads of a retrained network look, for some pixels of an image."""
    from nas.commands.attention_maps import show_attention_maps  # noqa: PLC0415

    show_attention_maps(_console(), model_file, image=image, pixels=pixels, layer=layer, png=png)


def main() -> None:
    """Run the command line: an error that a user can act on is one message and exit status 1."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app(standalone_mode=True)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        from nas.user_errors import is_user_error  # noqa: PLC0415

        if not is_user_error(error):
            raise
        Console(stderr=True).print(f"[bold red]error:[/] {_escaped(error)}", soft_wrap=True)
        sys.exit(1)


def _interrupt(signal_number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _escaped(error: Exception) -> str:
    from rich.markup import escape  # noqa: PLC0415

    return escape(str(error.args[0]) if isinstance(error, KeyError) else str(error))


def _console() -> Console:
    """To the terminal as wide as it is; to a file or pipe, wide enough for the tables."""
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPED_COLUMNS
    return console
