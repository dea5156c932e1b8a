"""``nas runs``: one line for each run, the newest first, even if its files are damaged."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nas.cli.application import app
from nas.config.search_config import SearchConfig
from nas.storage.ledger import Ledger
from nas.storage.run.folder import RunFolder
from tests.hand_driven import HandDriven

Start = Callable[[SearchConfig], tuple[RunFolder, Ledger]]


def listed(runs: Path) -> list[dict[str, Any]]:
    done = CliRunner().invoke(app, ["runs", "--json", "--runs", str(runs)])
    assert done.exit_code == 0, done.output
    printed: list[dict[str, Any]] = json.loads(done.stdout)
    return printed


def started_at(run: RunFolder, hour: int) -> None:
    file = run.path / "environment.json"
    data = json.loads(file.read_text()) | {"started": f"2026-01-01T{hour:02}:00:00+0000"}
    file.write_text(json.dumps(data))


def finished(runs: Path, config: SearchConfig, *, members: int) -> RunFolder:
    """Make a finished run's folder, with a database for a ledger."""
    run = RunFolder.create(runs, config)
    with closing(sqlite3.connect(run.ledger_file)) as database:
        database.execute("PRAGMA user_version = 1")
    run.write_json("state.json", {"finished": True, "trained": 6})
    run.write_json("front.json", {"members": [{}] * members})
    return run


@pytest.fixture
def two(config_of: Callable[..., SearchConfig], runs: Path) -> dict[str, RunFolder]:
    """Two finished runs."""
    made = {}
    for name, hour, members in (("old", 1, 2), ("new", 5, 3)):
        made[name] = finished(runs, config_of(name=name), members=members)
        started_at(made[name], hour)
    made["new"].point_latest_here()
    return made


def test_the_newest_is_first_with_state_and_size_of_its_front(
    two: dict[str, RunFolder], runs: Path
) -> None:
    shown_runs = listed(runs)
    shown = [(r["name"], r["state"], r["trained"], r["wanted"], r["front"]) for r in shown_runs]
    assert shown == [("new", "finished", 6, 6, 3), ("old", "finished", 6, 6, 2)]
    assert [run["problem"] for run in shown_runs] == [None, None]
    with two["new"].driving():
        assert [run["state"] for run in listed(runs)] == ["running", "finished"]
    table = CliRunner().invoke(app, ["runs", "--runs", str(runs)]).output.splitlines()
    assert [line.split()[0] for line in table[2:]] == ["new", "old"]
    assert table[2].split()[-3:] == ["finished", "6/6", "3"]


def test_an_interrupted_run_is_read_from_its_ledger(
    two: dict[str, RunFolder],
    config_of: Callable[..., SearchConfig],
    start: Start,
    propose_from: Callable[..., HandDriven],
    finish: Callable[..., None],
    runs: Path,
) -> None:
    config = config_of(name="middle")
    run, ledger = start(config)
    started_at(run, 3)
    proposals = propose_from(config, ledger)
    for _ in range(2):
        finish(proposals, proposals.propose())
    asked = ["frontier", "middle", "--json", "--runs", str(runs)]
    front = json.loads(CliRunner().invoke(app, asked).stdout)
    members = front["members"] if isinstance(front, dict) else front
    new, middle, old = listed(runs)
    assert (new["name"], middle["name"], old["name"]) == ("new", "middle", "old")
    assert (middle["state"], middle["trained"], middle["wanted"]) == ("interrupted", 2, 6)
    assert middle["front"] == len(members)
    run.ledger_file.write_bytes(b"no database")
    new, middle, old = listed(runs)
    assert (middle["state"], middle["front"]) == ("interrupted", None)
    assert "ledger.db" in middle["problem"]
    assert new["problem"] is old["problem"] is None


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("config.yaml", b"a: [", "config.yaml"),
        ("config.yaml", b"just text", "config.yaml"),
        ("state.json", b"{", "state.json cannot be read"),
        ("state.json", b"[]", "state.json cannot be read: must be a JSON object"),
        ("front.json", b"{}", "front.json: it has no list of members"),
        (
            "state.json",
            b'{"finished": true, "trained": ["x"]}',
            "state.json cannot be read: trained: ",
        ),
        ("ledger.db", b"no database", "ledger.db is not an SQLite database"),
        ("ledger.db", None, "ledger.db"),
    ],
)
def test_a_damaged_run_says_what_is_wrong_and_the_others_stay(
    two: dict[str, RunFolder], runs: Path, file: str, content: bytes | None, said: str
) -> None:
    damaged = two["new"].path / file
    damaged.unlink()
    if content is not None:
        damaged.write_bytes(content)
    new, old = listed(runs)
    assert new["name"] == "new"
    assert said in new["problem"]
    assert new["front"] is None
    assert old["problem"] is None
    printed = CliRunner().invoke(app, ["runs", "--runs", str(runs)])
    assert printed.exit_code == 0
    assert said in printed.output


def test_a_start_beyond_every_date_is_that_of_the_folder(
    two: dict[str, RunFolder], runs: Path
) -> None:
    said = {"started": "9999-12-31T23:59:59-12:00"}
    two["old"].write_json("environment.json", said)
    os.utime(two["old"].path, (0, 0))
    assert [run["name"] for run in listed(runs)] == ["new", "old"]


def test_no_runs_are_said(tmp_path: Path) -> None:
    nowhere = tmp_path / "none"
    assert listed(nowhere) == []
    printed = CliRunner().invoke(app, ["runs", "--runs", str(nowhere)])
    assert f"there are no runs in {nowhere}" in " ".join(printed.output.split())
    assert not nowhere.exists()


def test_finished_runs_are_listed_without_pytorch(
    config_of: Callable[..., SearchConfig], runs: Path
) -> None:
    finished(runs, config_of(), members=1)
    code = (
        "import sys; from nas.cli.commands.search.runs import show_runs; "
        "from nas.cli.output import Output; "
        "from pathlib import Path; show_runs(Output(as_json=True), Path(sys.argv[1])); "
        "assert not {'torch', 'ray', 'optuna'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(runs)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert json.loads(done.stdout)[0]["front"] == 1


def test_the_version() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert done.exit_code == 0
    assert done.output.split()[0] == "convattn"
    assert done.output.split()[1][0].isdigit()
