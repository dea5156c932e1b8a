"""``nas job``: list a cluster's jobs, show one and its log, and stop it."""

from __future__ import annotations

import time

from rich import box
from rich.table import Table
from rich.text import Text

from nas.cli.commands.jobs.following import follow_job, show_end
from nas.cli.output import Output
from nas.quantities import duration
from nas.ray.jobs.following import ended
from nas.ray.jobs.head import Head
from nas.ray.jobs.job import Job

UNKNOWN = "-"


def show_jobs(output: Output, address: str, *, allow_open: bool) -> None:
    """Print every job that was submitted to a cluster, in a line each.

    Raises:
        ClusterError: the cluster does not answer, or refuses this machine.
    """
    jobs = Head(address, allow_open=allow_open).jobs()
    if output.as_json:
        output.show_json([job.to_json() for job in jobs])
    elif jobs:
        table = _table(jobs)
        output.show(table, columns=output.columns_of(table))
    else:
        output.say(f"no jobs were submitted to {address}")


def show_job(output: Output, job_id: str, address: str, *, allow_open: bool) -> None:
    """Print a job's state, run and times; see :func:`show_jobs` for errors."""
    job = Head(address, allow_open=allow_open).job(job_id)
    if output.as_json:
        output.show_json(job.to_json())
        return
    output.say((job.id, "bold"), f" is {job.status}{_lasting(job)}")
    if job.command is not None:
        output.say(f"  {job.command} of run {job.run} in {job.runs}")
    if job.started is not None:
        output.say(f"  started {job.started:%Y-%m-%d %H:%M:%S}")
    if job.message and not job.has_succeeded:
        output.say(f"  {job.message}")


def show_log(output: Output, job_id: str, address: str, *, follow: bool, allow_open: bool) -> None:
    """Print a job's log.

    Raises:
        ClusterError: see :func:`show_jobs`; or there is no such job.
        KeyboardInterrupt, SystemExit: see :func:`follow_job`.
    """
    head = Head(address, allow_open=allow_open)
    if follow:
        follow_job(output, head, job_id)
    else:
        output.pass_on(head.log(job_id))


def stop(output: Output, job_id: str, address: str, *, allow_open: bool) -> None:
    """Stop a job, and wait until it has ended; see :func:`show_log` for errors."""
    head = Head(address, allow_open=allow_open)
    if not head.job(job_id).has_ended:
        head.stop(job_id)
    show_end(output, ended(head, job_id))


def _table(jobs: list[Job]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("job", "command", "run", "state", "started", "lasted"):
        table.add_column(heading, no_wrap=True)
    for job in jobs:
        started = UNKNOWN if job.started is None else f"{job.started:%Y-%m-%d %H:%M}"
        cells = [job.id, job.command or UNKNOWN, job.run or UNKNOWN, job.status, started]
        table.add_row(*map(Text, [*cells, _lasting(job).removeprefix(", ") or UNKNOWN]))
    return table


def _lasting(job: Job) -> str:
    """Return the time that a job has taken so far, after a comma; empty if it has not begun."""
    if job.started is None:
        return ""
    end = time.time() if job.ended is None else job.ended.timestamp()
    return f", {duration(max(0.0, end - job.started.timestamp()))}"
