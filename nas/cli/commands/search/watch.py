"""``nas status --watch``: follow a run by its ledger, wherever its driver is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from nas.cli.commands.search.driver_session import is_silent, or_elsewhere
from nas.cli.commands.search.status import read_status
from nas.cli.number_table import number_table
from nas.cli.output import Output
from nas.errors import RunError
from nas.evaluation.metric_names import MetricNames
from nas.quantities import duration, format_quantity
from nas.storage.run.folder import RunFolder
from nas.storage.stored_run import run_at

LOOK_EVERY_SECONDS = 2.0

FRONT_ROWS = 10
"""Members of the front that a terminal shows."""


def watch_run(
    output: Output, name: str, runs: Path, *, storage: str | None = None, trust: bool = False
) -> None:
    """Show a run's progress until it is finished: redrawn on a terminal, else a line a change.

    If the ledger cannot be read later on, that is shown, and it is tried again.

    Raises:
        CommandError: the URL of ``storage`` is wrong.
        RunError: no such run, or its ledger cannot be read at first.
        TrustError: reading the run needs trust.
        KeyboardInterrupt: on Ctrl-C.
    """
    if storage is None:  # by its path: `latest` may name another run later
        name = str(RunFolder.find(name, runs, trust=trust).path)

    def look() -> dict[str, Any]:
        # a storage is asked anew what it says of the run, also whether it is finished
        with run_at(name, runs, storage=storage, trust=trust) as run:
            return read_status(run)

    if output.is_terminal:
        with output.live() as live:
            for status in _statuses(look):
                live.update(_screen(status), refresh=True)
    else:
        _say_changes(output, _statuses(look))


def _say_changes(output: Output, statuses: Iterator[dict[str, Any] | list[str]]) -> None:
    """Print a line for each status in which more is done, or that has another problem."""
    shown: list[str] = []
    for status in statuses:
        done, pace = (status, []) if isinstance(status, list) else progress(status)
        if done != shown:
            output.say(" | ".join([*done, *pace]))
            shown = done


def _statuses(look: Callable[[], dict[str, Any]]) -> Iterator[dict[str, Any] | list[str]]:
    """Yield a run's status now and then, at last that of the finished run.

    Where it cannot be read later on, the reason is yielded, as the only part of a line.
    """
    first = look()
    status: dict[str, Any] | list[str] = first
    while True:
        yield status
        if isinstance(status, dict) and status["state"] == "finished":
            return
        time.sleep(LOOK_EVERY_SECONDS)
        try:
            status = look()
        except RunError as error:
            status = [f"{first['name']} cannot be read now: {error}"]


def progress(status: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return the parts of a status line: what was done, and the driver's pace, which ever changes.

    Args:
        status: what :func:`nas.cli.commands.search.status.read_status` returned.
    """
    driver = status["driver"] if status["state"] != "finished" else None
    done = [f"{status['name']} is {status['state']}{or_elsewhere(status)}"]
    done.append(f"trials {status['trained']}/{status['wanted']}")
    if status["repeats"]:
        done.append(f"{status['repeats']} repeats")
    if status["front"]:
        done.append(f"front of {len(status['front'])}, best {status['best']['accuracy']}")
    retries = status["retries"]
    if retries["trainings"]:
        lost = duration(retries["lost_seconds"])
        done.append(f"{retries['trainings']} begun again ({lost} lost)")
    if status["errors"]:
        done.append(f"{len(status['errors'])} failed")
    if waiting := status["waiting"] or (driver or {}).get("waiting"):
        done.append(f"waiting for {waiting}")
    return done, [f"{status['device_hours']:.2f} device-hours", *_pace(driver)]


def _pace(driver: Mapping[str, Any] | None) -> list[str]:
    """Return the driver's workers, rate and time left; nothing if there is no driver."""
    if driver is None:
        return []
    pace = [f"{driver['training']} of {driver['workers']} workers train"]
    if driver["trainings_per_hour"] is not None:
        pace.append(f"{driver['trainings_per_hour']:.3g} trainings/h")
    if driver["remaining_seconds"]:
        pace.append(f"about {duration(driver['remaining_seconds'])} left")
    if is_silent(driver):
        pace.append(f"its driver has been silent for {duration(driver['heard_seconds_ago'])}")
    return pace


def _screen(status: Mapping[str, Any] | list[str]) -> RenderableType:
    """Return the front, and the line below it."""
    if isinstance(status, list):
        return Text(" | ".join(status))
    done, pace = progress(status)
    line = Text(" | ".join([*done, *pace]))
    front = status["front"]
    if not front:
        return line
    cost = next(name for name in front[0] if name not in ("arch_id", "accuracy"))
    noun = MetricNames(status["metric"]).noun
    table = number_table("front", f"val {noun}", cost)
    for member in front[-FRONT_ROWS:]:
        table.add_row(member["arch_id"], member["accuracy"], format_quantity(member[cost]))
    more = len(front) - FRONT_ROWS
    notes = [Text(f"and {more} with less {noun}")] if more > 0 else []
    return Group(table, *notes, line)
