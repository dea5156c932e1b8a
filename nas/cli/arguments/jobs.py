"""Commands that use a cluster by Ray's Jobs API: submit, and look after what was submitted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.arguments.options import RUNS, AllowChangedData, AsJson, Runs, Trust
from nas.cli.output import Output

Address = Annotated[
    str,
    typer.Option(
        envvar="RAY_API_SERVER_ADDRESS",
        help="The dashboard of the cluster's head, such as http://head:8265.",
    ),
]
AllowOpen = Annotated[
    bool,
    typer.Option("--allow-open", help="Use a cluster that runs without authentication too."),
]
Follow = Annotated[
    bool,
    typer.Option(help="Show the job's log until it ends; Ctrl-C leaves the job running."),
]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="A job's id, such as digits-1.")]

submit = typer.Typer(
    no_args_is_help=True,
    help="Run a search, full trainings or a trace as a job on a cluster (docs/cluster.md).",
)
job = typer.Typer(no_args_is_help=True, help="List, follow and stop the jobs of a cluster.")


@submit.command("search")
def submit_search(
    config: Annotated[Path, typer.Argument(help="The search's YAML file.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Changes to the file: section.key=value ...")
    ] = None,
    *,
    address: Address,
    follow: Follow = True,
    allow_changed_data: AllowChangedData = False,
    trust: Trust = False,
    allow_open: AllowOpen = False,
    runs: Runs = RUNS,
) -> None:
    """Search on a cluster; submitted again, a search goes on where it was."""
    from nas.cli.commands.jobs.submit import Target, submit_job  # noqa: PLC0415
    from nas.workflows.staging.staged_job import stage_search  # noqa: PLC0415

    target = Target(address, runs, follow=follow, allow_open=allow_open)
    options = _options(allow_changed_data=allow_changed_data, trust=trust)
    submit_job(
        Output(), target, lambda folder: stage_search(config, overrides or [], folder), options
    )


@submit.command("retrain")
def submit_retrain(
    run: Annotated[str, typer.Argument(help="A run's name, in the folder --runs of the cluster.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[recipe.KEY=VALUE]...", help="Changes, as those of `nas retrain`."),
    ] = None,
    *,
    address: Address,
    pick: Annotated[str, typer.Option(help="As for `nas retrain`.")] = "knee-or-best",
    baseline: Annotated[bool, typer.Option(help="As for `nas retrain`.")] = False,
    modules: Annotated[
        Path | None, typer.Option(help="Folder of the modules of types of your own.")
    ] = None,
    follow: Follow = True,
    allow_changed_data: AllowChangedData = False,
    trust: Trust = False,
    allow_open: AllowOpen = False,
    runs: Runs = RUNS,
) -> None:
    """Train a run's networks in full on a cluster; submitted again, trainings go on."""
    from nas.cli.commands.jobs.submit import Target, submit_job  # noqa: PLC0415
    from nas.workflows.staging.staged_job import stage_retrain  # noqa: PLC0415

    target = Target(address, runs, follow=follow, allow_open=allow_open)
    options = ["--pick", pick, *(["--baseline"] if baseline else [])]
    options += _options(allow_changed_data=allow_changed_data, trust=trust)
    submit_job(
        Output(),
        target,
        lambda folder: stage_retrain(run, overrides or [], modules, folder),
        options,
    )


@submit.command("trace")
def submit_trace(
    config: Annotated[Path, typer.Argument(help="The YAML file of a trace.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="Changes to the file, or to the search's file that it names."),
    ] = None,
    *,
    address: Address,
    follow: Follow = True,
    allow_changed_data: AllowChangedData = False,
    trust: Trust = False,
    allow_open: AllowOpen = False,
    runs: Runs = RUNS,
) -> None:
    """Train a trace's networks on a cluster, and run its searches; submitted again, it goes on."""
    from nas.cli.commands.jobs.submit import Target, submit_job  # noqa: PLC0415
    from nas.workflows.staging.staged_trace import stage_trace  # noqa: PLC0415

    target = Target(address, runs, follow=follow, allow_open=allow_open)
    options = _options(allow_changed_data=allow_changed_data, trust=trust)
    submit_job(
        Output(), target, lambda folder: stage_trace(config, overrides or [], folder), options
    )


@job.command("list")
def list_jobs(address: Address, as_json: AsJson = False, allow_open: AllowOpen = False) -> None:
    """List the jobs that were submitted to a cluster, the newest first."""
    from nas.cli.commands.jobs.jobs import show_jobs  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        show_jobs(output, address, allow_open=allow_open)


@job.command("status")
def job_status(
    job_id: JobId, address: Address, as_json: AsJson = False, allow_open: AllowOpen = False
) -> None:
    """Show a job's state, its run and its times."""
    from nas.cli.commands.jobs.jobs import show_job  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        show_job(output, job_id, address, allow_open=allow_open)


@job.command("logs")
def job_logs(
    job_id: JobId,
    address: Address,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until the job ends; Ctrl-C leaves it running.")
    ] = False,
    allow_open: AllowOpen = False,
) -> None:
    """Print what a job has printed; with --follow, exit as it ends: 0, or 1 if it failed."""
    from nas.cli.commands.jobs.jobs import show_log  # noqa: PLC0415

    show_log(Output(), job_id, address, follow=follow, allow_open=allow_open)


@job.command("stop")
def stop_job(job_id: JobId, address: Address, allow_open: AllowOpen = False) -> None:
    """Stop a job, and wait until it has ended; its run can go on later."""
    from nas.cli.commands.jobs.jobs import stop  # noqa: PLC0415

    stop(Output(), job_id, address, allow_open=allow_open)


def _options(*, allow_changed_data: bool, trust: bool) -> list[str]:
    """Return the options of the job's command that were given for it."""
    options = ["--allow-changed-data"] if allow_changed_data else []
    return options + (["--trust"] if trust else [])
