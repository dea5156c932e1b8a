"""A run is read by the URL of its storage alone, where its folder is elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nas.cli.application import app
from nas.config.search_config import SearchConfig
from nas.errors import CommandError, RunError
from nas.storage.ledger import Ledger
from nas.storage.run.ending import Ending
from nas.storage.run.folder import RunFolder
from nas.storage.run.state import RunState
from nas.storage.sessions import Session, attribute_name
from nas.storage.stored_run import DESCRIBED, describe_run, run_at
from search_space.architecture import Task

Begin = Callable[..., tuple[RunFolder, Ledger]]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A file stands for a server: both are a URL, and are not in the run's folder."""
    return f"sqlite:///{tmp_path / 'all.db'}"


@pytest.fixture
def described(
    begun: Begin, config_of: Callable[..., SearchConfig], task: Task, url: str
) -> tuple[SearchConfig, Ledger]:
    config = config_of(storage=url)
    _, ledger = begun(config, trials=2)
    describe_run(ledger, config, task, RunState())
    return config, ledger


def output_of(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_status_and_frontier_need_no_folder(described, url, task, tmp_path, monkeypatch):
    config, ledger = described
    monkeypatch.chdir(tmp_path)
    status = json.loads(output_of("status", config.name, "--storage", url, "--json"))
    assert (status["trained"], status["state"]) == (2, "running")
    front = json.loads(output_of("frontier", config.name, "--storage", url, "--json"))
    assert front["members"]
    ending = Ending("search.max_hours", "2 h are over", 7, 0)
    state = RunState(finished=True, trained=2, ended=ending)
    describe_run(ledger, config, task, state)
    status = json.loads(output_of("status", config.name, "--storage", url, "--json"))
    assert (status["state"], status["ended"]) == ("finished", ending.to_json())


@pytest.mark.parametrize(
    ("heard_seconds_ago", "ended", "state"),
    [(5, False, "running"), (60, False, "interrupted"), (5, True, "interrupted")],
)
def test_a_run_is_driven_while_its_driver_is_heard(
    described, url, task, heard_seconds_ago, ended, state
):
    config, ledger = described
    now = datetime.now(UTC)
    session = Session(
        began=now - timedelta(seconds=90),
        updated=now - timedelta(seconds=heard_seconds_ago),
        wall_seconds=30,
        workers=1,
        trainings=2,
        running=0,
        running_seconds=0,
        waiting="CPUs",
        ended=ended,
    )
    study = ledger.study("search")
    study.set_user_attr(DESCRIBED, session.began.isoformat())
    study.set_user_attr(attribute_name(0), session.to_json())
    status = json.loads(output_of("status", config.name, "--storage", url, "--json"))
    assert status["state"] == state
    assert status["waiting"] == ("CPUs" if state == "running" else "")


def test_a_run_that_is_not_described_is_told(begun, config_of, url, tmp_path):
    config = config_of(storage=url)
    begun(config)
    with (
        pytest.raises(RunError, match="is not described there"),
        run_at(config.name, tmp_path, storage=url, trust=False),
    ):
        pass


def test_a_password_on_the_command_line_is_refused(tmp_path):
    with (
        pytest.raises(CommandError, match="must have no password") as raised,
        run_at("r", tmp_path, storage="postgresql+psycopg://u:s3cret@h/d", trust=False),
    ):
        pass
    assert "s3cret" not in str(raised.value)


def test_no_such_run(described, url, tmp_path):
    with (
        pytest.raises(RunError, match="holds no run called 'other'"),
        run_at("other", tmp_path, storage=url, trust=False),
    ):
        pass


def test_a_ledger_in_the_folder_is_not_described(begun, config_of, task):
    config = config_of()
    _, ledger = begun(config)
    describe_run(ledger, config, task, RunState())
    assert "config" not in ledger.attributes()
