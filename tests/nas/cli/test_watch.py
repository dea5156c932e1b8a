"""``nas status --watch``, and where the hours went in ``nas status``."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import nas.cli.commands.search.watch
from nas.cli.commands.search.status import read_status, show_status
from nas.cli.commands.search.watch import progress, watch_run
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from nas.storage.run.state import RunState
from nas.storage.sessions import attribute_name
from nas.storage.stored_run import describe_run, run_at
from search_space.architecture import Task

ConfigOf = Callable[..., SearchConfig]
Begin = Callable[..., tuple[RunFolder, Ledger]]


def session(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    fields = {"began": now, "updated": now, "wall_seconds": 3600.0, "workers": 2, "trainings": 4}
    fields |= {"seconds": {"waiting_driver": 720.0}, "running": 1, "running_seconds": 900.0}
    return fields | {"remaining_seconds": 1800.0} | changes


def note(ledger: Ledger, **changes: Any) -> None:
    ledger.study("search").set_user_attr(attribute_name(0), session(**changes))


@pytest.fixture
def watched(
    begun: Begin, config_of: ConfigOf, monkeypatch: pytest.MonkeyPatch
) -> tuple[RunFolder, Ledger, list[Callable[[], None]], Callable[[], list[str]]]:
    """A run, what happens to it between two looks of a watch, and what the watch prints."""
    run, ledger = begun(config_of(), 2)
    note(ledger)
    happening: list[Callable[[], None]] = []

    def sleep(seconds: float) -> None:
        happening.pop(0)()

    monkeypatch.setattr(nas.cli.commands.search.watch.time, "sleep", sleep)

    def lines() -> list[str]:
        printed = io.StringIO()
        watch_run(Output(file=printed), run.name, run.path.parent)
        return printed.getvalue().splitlines()

    return run, ledger, happening, lines


def test_a_line_is_printed_for_each_change_until_the_run_is_finished(watched: Any) -> None:
    run, ledger, happening, lines = watched
    happening += [
        lambda: None,
        lambda: note(ledger, remaining_seconds=1790.0),  # time passes, and no line is printed
        lambda: note(ledger, waiting="memory on node 7"),
        lambda: run.write_json("state.json", {"finished": True}),
    ]
    first, waiting, last = lines()
    beginning = f"{run.name} is interrupted, or driven on another machine | trials 2/"
    assert first.startswith(beginning)
    assert "front of " in first
    assert "1 of 2 workers train | 4 trainings/h | about " in first
    assert first.endswith(" left")
    assert "waiting for memory on node 7" in waiting
    assert last.startswith(f"{run.name} is finished | ")
    assert "workers" not in last


def test_a_ledger_that_cannot_be_read_for_a_while_is_told(
    watched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _, happening, lines = watched
    read = read_status

    def refuse(_: RunFolder) -> dict[str, Any]:
        raise RunError("the server is away")

    def say_away() -> None:
        monkeypatch.setattr(nas.cli.commands.search.watch, "read_status", refuse)

    def come_back() -> None:
        monkeypatch.setattr(nas.cli.commands.search.watch, "read_status", read)
        run.write_json("state.json", {"finished": True})

    happening += [say_away, come_back]
    assert [line.partition(" | ")[0] for line in lines()] == [
        f"{run.name} is interrupted, or driven on another machine",
        f"{run.name} cannot be read now: the server is away",
        f"{run.name} is finished",
    ]


def test_a_run_in_a_storage_is_followed_until_the_storage_says_that_it_is_finished(
    begun: Begin, config_of: ConfigOf, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'all.db'}"
    config = config_of(storage=url)
    run, ledger = begun(config, 2)
    describe_run(ledger, config, task, RunState())
    note(ledger)
    status = _stored_status(run.name, url)
    assert status["device_time"]["hours_running"] == 0.25  # its driver may live elsewhere
    assert status["device_time"]["hours"]["lost"] == 0

    def finish(seconds: float) -> None:
        describe_run(ledger, config, task, RunState(finished=True))

    monkeypatch.setattr(nas.cli.commands.search.watch.time, "sleep", finish)
    printed = io.StringIO()
    watch_run(Output(file=printed), run.name, tmp_path, storage=url)
    states = [line.partition(" | ")[0] for line in printed.getvalue().splitlines()]
    assert states == [f"{run.name} is running", f"{run.name} is finished"]


def _stored_status(name: str, url: str) -> dict[str, Any]:
    with run_at(name, Path(), storage=url, trust=False) as run:
        return read_status(run)


def test_a_terminal_shows_the_front_above_the_line(
    watched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _, happening, _ = watched
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    happening.append(lambda: run.write_json("state.json", {"finished": True}))
    printed = io.StringIO()
    watch_run(Output(file=printed, width=200), run.name, run.path.parent)
    best = read_status(run)["best"]["arch_id"]
    assert best in printed.getvalue()
    assert "val accuracy" in printed.getvalue()


def test_a_silent_driver_is_told() -> None:
    driver = {"workers": 2, "training": 1, "trainings_per_hour": None, "remaining_seconds": None}
    status = {"name": "a", "state": "running", "trained": 0, "wanted": 3, "repeats": 0, "front": []}
    status |= {"retries": {"trainings": 1, "lost_seconds": 61.0}, "errors": {"trial 1": "x"}}
    status |= {"waiting": "", "device_hours": 0.5}
    status |= {"driver": driver | {"heard_seconds_ago": 300.0, "waiting": ""}}
    done, pace = progress(status)
    assert done[2:] == ["1 begun again (1m 01s lost)", "1 failed"]
    assert pace[1:] == ["1 of 2 workers train", "its driver has been silent for 5m 00s"]


def test_ctrl_c_ends_a_watch_with_130(begun: Begin, config_of: ConfigOf, tmp_path: Path) -> None:
    run, ledger = begun(config_of())
    ledger.close()
    command = [sys.executable, "-c", "from nas.cli.main import main; main()", "status", run.name]
    watch = subprocess.Popen(
        [*command, "--watch", "--runs", str(run.path.parent)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    assert watch.stdout is not None
    assert watch.stdout.readline().startswith(f"{run.name} is ")  # it follows from now on
    watch.send_signal(signal.SIGINT)
    rest, errors = watch.communicate(timeout=60)
    assert (watch.returncode, rest, errors) == (130, "", "")


def test_status_shows_where_the_hours_went(begun: Begin, config_of: ConfigOf) -> None:
    run, ledger = begun(config_of(), 2)
    note(ledger, ended=True, seconds={"waiting_driver": 3600.0, "waiting_memory": 1800.0})
    printed = io.StringIO()
    show_status(Output(file=printed), run.name, run.path.parent)
    text = printed.getvalue()
    assert "waiting for the driver" in text
    assert "waiting for memory" in text
    # the rows of the test's trials are those of an earlier version, without parts
    assert "an earlier version ran a part of the search" in text
    spent = json.loads(json.dumps(read_status(run)["device_time"]))
    assert spent["hours"]["waiting_memory"] == 0.5
    assert spent["hours"]["training"] == pytest.approx(read_status(run)["device_hours"])
    assert (spent["workers"], spent["wall_hours"], spent["training_share"]) == (2, 1.0, None)
