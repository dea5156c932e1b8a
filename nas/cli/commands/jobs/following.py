"""Show a job's log until the job ends, or until the user has seen enough."""

from __future__ import annotations

import sys

from nas.cli.commands.typed_command import typed
from nas.cli.output import Output
from nas.ray.cluster.signals import ignored
from nas.ray.jobs.following import follow
from nas.ray.jobs.head import Head
from nas.ray.jobs.job import Job


def follow_job(output: Output, head: Head, job_id: str) -> None:
    """Show a job's log until the job ends.

    Raises:
        ClusterError: there is no such job, or its head stays away.
        KeyboardInterrupt: on Ctrl-C, after printing how to come back; the job goes on.
        SystemExit: with status 1, if the job failed or was stopped.
    """
    try:
        job = follow(head, job_id, output.pass_on)
    except KeyboardInterrupt:
        with ignored():
            output.say(
                f"\njob {job_id} goes on; follow it with: {logs_command(head, job_id)}; stop it "
                f"with: {typed('job', 'stop', job_id, '--address', head.address)}"
            )
        raise
    show_end(output, job)
    if not job.has_succeeded:
        sys.exit(1)


def show_end(output: Output, job: Job) -> None:
    """Print how a job ended; why it failed stands in its log."""
    output.say("job ", (job.id, "bold"), f" is {'over' if job.has_succeeded else job.status}")


def logs_command(head: Head, job_id: str) -> str:
    """Return the command that follows a job."""
    return typed("job", "logs", job_id, "--follow", "--address", head.address)
