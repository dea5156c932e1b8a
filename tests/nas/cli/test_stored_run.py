"""A run is read by the URL of its storage alone, where its folder is elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nas.cli.application import app
from nas.config.search_config import SearchConfig
from nas.errors import CommandError, RunError
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from nas.storage.stored_run import describe_run, run_at
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
    describe_run(ledger, config, task)
    return config, ledger


def output_of(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_status_and_frontier_need_no_folder(described, url, task, tmp_path, monkeypatch):
    config, ledger = described
    monkeypatch.chdir(tmp_path)
    status = json.loads(output_of("status", config.name, "--storage", url, "--json"))
    assert (status["trained"], status["state"]) == (2, "unfinished")
    front = json.loads(output_of("frontier", config.name, "--storage", url, "--json"))
    assert front["members"]
    describe_run(ledger, config, task, is_finished=True)
    status = json.loads(output_of("status", config.name, "--storage", url, "--json"))
    assert status["state"] == "finished"


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
    describe_run(ledger, config, task)
    assert "config" not in ledger.attributes()
