"""A cluster's head, to which jobs are submitted over HTTP, by Ray's ``JobSubmissionClient``."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ray.exceptions import AuthenticationError

from nas.errors import ClusterError
from nas.ray.cluster.authentication import MODE, ray_environment
from nas.ray.jobs.greeting import EXTRA_MISSING, check_address, greet_head
from nas.ray.jobs.job import Job, job_of

Answer = TypeVar("Answer")

ADDRESS_VARIABLE = "RAY_API_SERVER_ADDRESS"
"""Ray's library obeys this variable, and then RAY_ADDRESS, before the address that it is given."""

ENVIRONMENT = {"RAY_JOB_STOP_WAIT_TIME_S": "30"}
"""Ray kills a job that has not ended so long after it was asked to stop; its default is 3 s."""

# Ray's client announces each upload and each closed connection.
for _name in ("dashboard.modules.dashboard_sdk", "dashboard.modules.job.sdk"):
    logging.getLogger(f"ray.{_name}").addFilter(lambda record: record.levelno >= logging.WARNING)
logging.getLogger("ray._private.runtime_env.packaging").addFilter(
    lambda record: record.levelno >= logging.WARNING
)


class Head:
    """A head that has answered and accepted this machine's token.

    Args:
        address: ``http://host:port`` of the dashboard.
        allow_open: use a head that demands no token too.

    Raises:
        ClusterError: see :func:`nas.ray.jobs.greeting.greet_head`; or the extra ``cluster`` is
            not installed.
    """

    def __init__(self, address: str, *, allow_open: bool = False) -> None:
        self.address = check_address(address)
        try:
            import aiohttp  # noqa: F401, PLC0415
        except ImportError as error:
            raise ClusterError(EXTRA_MISSING) from error
        mode = greet_head(self.address, allow_open=allow_open)
        from ray.job_submission import JobSubmissionClient  # noqa: PLC0415

        # the client reads the token now, for all of its requests
        with ray_environment({MODE: mode, ADDRESS_VARIABLE: self.address}):
            self._client = self._asked(lambda: JobSubmissionClient(self.address))

    def submit(
        self, job_id: str, entrypoint: str, folder: Path, metadata: Mapping[str, str]
    ) -> None:
        """Submit a job.

        Args:
            job_id: its submission id.
            entrypoint: its command, as a shell takes it.
            folder: is sent, and is the working folder of the command and of its workers.
            metadata: whoever may list the cluster's jobs sees it, as they see the entrypoint.

        Raises:
            ClusterError: the head does not take it; or the id was used before.
        """
        self._asked(
            lambda: self._client.submit_job(
                submission_id=job_id,
                entrypoint=entrypoint,
                runtime_env={"working_dir": str(folder), "env_vars": ENVIRONMENT},
                metadata=dict(metadata),
            ),
            job_id,
        )

    def jobs(self) -> list[Job]:
        """Return all jobs that were submitted to the cluster, the newest first.

        Raises:
            ClusterError: the head does not answer.
        """
        listed = self._asked(self._client.list_jobs)
        jobs = [job_of(details) for details in listed if details.submission_id]
        return sorted(jobs, key=lambda job: job.started.timestamp() if job.started else 0.0)[::-1]

    def job(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            ClusterError: there is none of this id, or the head does not answer.
        """
        return job_of(self._asked(lambda: self._client.get_job_info(job_id), job_id))

    def log(self, job_id: str) -> str:
        """Return what a job has printed so far; see :meth:`job` for errors."""
        text: str = self._asked(lambda: self._client.get_job_logs(job_id), job_id)
        return text

    async def following_log(self, job_id: str) -> AsyncIterator[str]:
        """Yield what a job has printed, and then what it prints, until it ends.

        Raises:
            RuntimeError, OSError, aiohttp.ClientError: the connection broke.
        """
        async for text in self._client.tail_job_logs(job_id):
            yield text

    def stop(self, job_id: str) -> None:
        """Ask a job to end; see :meth:`job` for errors."""
        self._asked(lambda: self._client.stop_job(job_id), job_id)

    def forget(self, job_id: str) -> None:
        """Remove a job that has ended from the list of jobs; see :meth:`job` for errors."""
        self._asked(lambda: self._client.delete_job(job_id), job_id)

    def _asked(self, request: Callable[[], Answer], job_id: str = "") -> Answer:
        """Return the answer to a request.

        Raises:
            ClusterError: the head cannot be reached, or refuses it.
        """
        import requests  # noqa: PLC0415

        try:
            return request()
        except (requests.RequestException, ConnectionError) as error:
            raise ClusterError(
                f"the head at {self.address} does not answer any more; jobs on it go on"
            ) from error
        except AuthenticationError as error:
            raise ClusterError(
                f"authentication failed: the head at {self.address} refuses the token now"
            ) from error
        except (RuntimeError, ValueError) as error:  # Ray has no other classes for them
            raise ClusterError(_explained(str(error), self.address, job_id)) from error


def _explained(reason: str, address: str, job_id: str) -> str:
    """Say why a request was refused, in one line of Ray's several."""
    if job_id and "already exists" in reason:
        return f"a job {job_id!r} was submitted to {address} at the same time: submit again"
    if job_id and "does not exist" in reason:
        return f"no job {job_id!r} at {address}; `nas job list` lists them"
    lines: list[Any] = [line for line in reason.splitlines() if line.strip(" .")]
    return f"the head at {address} refuses the request: {lines[-1].strip() if lines else reason}"
