"""``nas submit``: check a cluster, send it a job's files, and follow the job."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from nas.cli.commands.jobs.following import follow_job, logs_command
from nas.cli.commands.search.search_resume import JOB
from nas.cli.output import Output
from nas.errors import ClusterError
from nas.ray.jobs.check import Wanted, check_cluster
from nas.ray.jobs.head import Head
from nas.ray.jobs.job import COMMAND, PACKAGE, RUN, RUNS, next_id
from nas.storage.run.environment import package_version
from nas.workflows.staging.places import check_runs
from nas.workflows.staging.staged_job import StagedJob


class Target(NamedTuple):
    """The cluster and the folder of runs on it."""

    address: str
    runs: Path
    follow: bool
    allow_open: bool


def submit_job(
    output: Output,
    target: Target,
    stage: Callable[[Path], StagedJob],
    options: Sequence[str],
) -> None:
    """Submit a command as a job, and follow it.

    Args:
        output: to print to.
        target: the cluster.
        stage: writes the job's files into a folder.
        options: of the command.

    Raises:
        ClusterError: the cluster cannot be used, lacks something, or runs a job of this run.
        CommandError, ConfigError: a path is relative, or the configuration is wrong.
        KeyboardInterrupt: on Ctrl-C, after printing how to come back; the job goes on.
        SystemExit: with status 1, if the job failed or was stopped.
    """
    check_runs(target.runs)
    with tempfile.TemporaryDirectory(prefix="convattn-job-") as name:
        folder = Path(name)
        staged = stage(folder)
        head = Head(target.address, allow_open=target.allow_open)
        _check_unused(head, staged, target.runs)
        output.say(f"checking the cluster at {head.address}")
        checked = check_cluster(head, folder, _wanted(staged, target.runs))
        versions = ", ".join(f"{package} {v}" for package, v in checked.versions.items())
        nodes = "1 node" if checked.nodes == 1 else f"{checked.nodes} nodes"
        output.say(f"{nodes}: {versions}")
        job_id = _submit(head, staged, folder, target.runs, options)
    goes_on = "; it goes on with the run" if checked.run_exists else ""
    output.say(
        "submitted job ",
        (job_id, "bold"),
        f"{goes_on}; Ctrl-C leaves it running. Follow it with: {logs_command(head, job_id)}",
    )
    if target.follow:
        follow_job(output, head, job_id)


def _wanted(staged: StagedJob, runs: Path) -> Wanted:
    return Wanted(
        staged.run,
        str(runs),
        staged.on_head,
        staged.on_nodes,
        staged.modules,
        staged.resources,
        needs_run=staged.needs_run,
    )


def _check_unused(head: Head, staged: StagedJob, runs: Path) -> None:
    """Raise if a job that has not ended writes the run."""
    for job in head.jobs():
        if not job.has_ended and (job.run, job.runs) == (staged.run, str(runs)):
            raise ClusterError(
                f"job {job.id} ({job.command}) writes the run {staged.run!r} already and is "
                f"{job.status}: follow it with: {logs_command(head, job.id)}"
            )


def _submit(head: Head, staged: StagedJob, folder: Path, runs: Path, options: Sequence[str]) -> str:
    """Submit the job, and return its id."""
    job_id = next_id(staged.run, [job.id for job in head.jobs()])
    words = [staged.command, *staged.words, *options, "--runs", str(runs)]
    # exec: the signal of a stop then reaches the command and no shell
    entrypoint = f"exec env {JOB}={job_id} python -m nas.cli.main {shlex.join(words)}"
    metadata = {
        PACKAGE: package_version("convattn") or "",
        RUN: staged.run,
        RUNS: str(runs),
        COMMAND: staged.command,
    }
    head.submit(job_id, entrypoint, folder, metadata)
    return job_id
