"""Follow a job's log until it ends, through connections that break."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from nas.errors import ClusterError
from nas.ray.jobs.head import Head
from nas.ray.jobs.job import Job

RECONNECT_EVERY_SECONDS = 2.0

MOST_BREAKS = 30
"""After so many breaks in a row without a new text, the head is given up."""

LOOK_EVERY_SECONDS = 0.2


def follow(head: Head, job_id: str, show: Callable[[str], None]) -> Job:
    """Show a job's log from its beginning, and what it prints until it ends.

    Args:
        head: of the job's cluster.
        job_id: the job's.
        show: gets each new piece of text, which may end within a line.

    Returns:
        the job at its end.

    Raises:
        ClusterError: there is no such job, or the head stays away.
    """
    head.job(job_id)  # raises if there is none
    shown = _Shown(show)
    broken: tuple[type[Exception], ...] = (ClusterError, *_breaks())
    breaks = 0
    while True:
        before = shown.characters
        try:
            asyncio.run(_show_log(head, job_id, shown))
            job = head.job(job_id)
            if job.has_ended:
                return job
            breaks = 0  # the head has closed the log early, as it does when its agent ends
        except broken as error:
            breaks = 1 if shown.characters > before else breaks + 1
            if breaks > MOST_BREAKS:
                raise ClusterError(
                    f"the connection to {head.address} stays broken; job {job_id} goes on"
                ) from error
        time.sleep(RECONNECT_EVERY_SECONDS)


def ended(head: Head, job_id: str) -> Job:
    """Wait until a job has ended, and return it.

    Raises:
        ClusterError: see :meth:`Head.job`.
    """
    while not (job := head.job(job_id)).has_ended:
        time.sleep(LOOK_EVERY_SECONDS)
    return job


class _Shown:
    """The text that was shown, so that a new connection, which begins anew, repeats none."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self.characters = 0
        self._show = show

    def take(self, text: str, start: int) -> int:
        """Show what is new of a text that starts at a position of the log; return its end."""
        end = start + len(text)
        if end > self.characters:
            self._show(text[max(0, self.characters - start) :])
            self.characters = end
        return end


async def _show_log(head: Head, job_id: str, shown: _Shown) -> None:
    position = 0
    async for text in head.following_log(job_id):
        position = shown.take(text, position)


def _breaks() -> tuple[type[Exception], ...]:
    """Return the errors of a connection that breaks."""
    import aiohttp  # noqa: PLC0415

    return (RuntimeError, OSError, aiohttp.ClientError)
