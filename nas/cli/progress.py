"""Progress displays: a line updated in place on a terminal, or lines in a log."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Self

from rich.text import Text

from nas.cli.output import Output
from nas.quantities import duration, format_quantity
from nas.search.status import Status
from nas.storage.accuracy_text import accuracy_text

LOG_EVERY_SECONDS = 10.0
REFRESH_EVERY_SECONDS = 0.5
MOST_TIME_SPENT = 0.02
"""The share of time spent on showing, at most: a status reads every trial, maybe thousands."""


class LineDisplay:
    """Show a progress line; use it as a context manager.

    Args:
        output: to print to.
        line: returns the line to show.
    """

    def __init__(self, output: Output, line: Callable[[], str]) -> None:
        self._output = output
        self._line = line
        self._live = output.live() if output.is_terminal and not output.is_quiet else None
        self._next_show = 0.0
        self._shown = ""

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        try:
            if kind is None:  # else showing might fail too, and hide the first error
                self._show()
        finally:
            if self._live:  # stopping it restores the terminal's cursor
                self._live.stop()

    def update(self) -> None:
        """Show the line, if it was last shown long enough ago."""
        now = time.monotonic()
        if now >= self._next_show:
            self._show()
            pause = REFRESH_EVERY_SECONDS if self._live else LOG_EVERY_SECONDS
            spent = time.monotonic() - now
            self._next_show = now + max(pause, spent / MOST_TIME_SPENT)

    def _show(self) -> None:
        if self._output.is_quiet:
            return
        line = self._line()
        if self._live:
            self._live.update(Text(line), refresh=True)
        elif line != self._shown:
            self._output.say(line)
        self._shown = line


class ProgressDisplay(LineDisplay):
    """Show a search's status, and announce each round of repeats.

    Args:
        output: to print to.
        status: returns the status to show.
    """

    def __init__(self, output: Output, status: Callable[[], Status]) -> None:
        super().__init__(output, self._described)
        self._status = status
        self._round = 0

    def _described(self) -> str:
        status = self._status()
        if status.repeats_round > self._round:
            self._round = status.repeats_round
            if status.repeats_done < status.repeats_wanted:
                self._output.say(_of_round(status))
        return describe(status)


def _of_round(status: Status) -> str:
    """Return the announcement of a round of repeats."""
    if status.repeats_round == 1:
        return (
            f"{status.round_size} repeats: the front and a random sample are trained again with "
            "fresh seeds. The best of many is lucky as found, so most of its "
            f"{status.names.plural} fall now"
        )
    return (
        f"round {status.repeats_round} of the repeats: {status.round_size} more, for architectures "
        "that are new on the front since its means have moved"
    )


def describe(status: Status) -> str:
    """Return a search's status in one line: trials, best so far, device-hours, time left."""
    parts = [f"trials {status.trained}/{status.wanted}"]
    if status.phase == "repeats":
        later = f" (round {status.repeats_round})" if status.repeats_round > 1 else ""
        parts.append(f"repeats of the front {status.repeats_done}/{status.repeats_wanted}{later}")
    if not status.trained and status.running + status.queued and not status.waiting:
        parts.append(
            f"the first at epoch {status.furthest_epoch}/{status.epochs}"
            if status.furthest_epoch
            else "workers start"
        )
    parts += _counts(status)
    if status.best:
        params = format_quantity(status.best.metrics["params"])
        best = status.names.value(accuracy_text(status.best, decimals=1))
        parts.append(f"best {best} with {params} parameters")
    if status.growth and status.phase == "search":
        parts.append(f"expected growth {status.growth}")
    if status.waiting:
        parts.append(f"waiting for {status.waiting}")
    parts.append(f"{status.device_hours:.2f} device-hours")
    parts.append(f"{duration(status.elapsed_seconds)} elapsed")
    if status.remaining_seconds is not None and status.remaining_seconds > 0:
        parts.append(f"about {duration(status.remaining_seconds)} left")
    return " | ".join(parts)


def _counts(status: Status) -> list[str]:
    """Return how many trials run, wait, or ended otherwise than by finishing."""
    retried = f"{status.retry_reason}; {duration(status.lost_seconds)} lost"
    counts = (
        (status.running, "running"),
        (status.queued, "not started"),
        (status.paused, "paused"),
        (status.stopped_early, "stopped early"),
        (status.failed, "failed"),
        (status.retries, f"begun again ({retried})"),
        (status.rejected, "over the limits"),
    )
    return [f"{number:,} {what}" for number, what in counts if number]
