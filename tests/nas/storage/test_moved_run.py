"""A run's folder moves, or loses a file: it is read and resumed, or one message says why not."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nas.cli.commands.search.resumed_run import check_same_search
from nas.cli.commands.search.status import read_status
from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.storage.ledger import Ledger, ledger_of
from nas.storage.run.folder import RunFolder
from tests.hand_driven import HandDriven

ConfigOf = Callable[..., SearchConfig]
Start = Callable[[SearchConfig], tuple[RunFolder, Ledger]]
Begin = Callable[..., HandDriven]
Finish = Callable[..., None]


@pytest.fixture
def begun(
    config_of: ConfigOf, start: Start, propose_from: Begin, finish: Finish
) -> Callable[..., tuple[SearchConfig, RunFolder, Ledger]]:
    """Makes a run with two trained trials and one that runs; its ledger stays open."""

    def make(**changes: Any) -> tuple[SearchConfig, RunFolder, Ledger]:
        config = config_of(**changes)
        run, ledger = start(config)
        run.write_json("state.json", {"finished": False})
        proposals = propose_from(config, ledger)
        for _ in range(2):
            finish(proposals, proposals.propose())
        proposals.propose()
        return config, run, ledger

    return make


@pytest.mark.parametrize("with_wal", [True, False], ids=["killed", "closed"])
def test_a_run_is_read_and_resumed_in_another_folder(
    begun: Any, propose_from: Begin, tmp_path: Path, with_wal: bool
) -> None:
    config, run, ledger = begun()
    there = tmp_path / "other machine" / "runs" / "first"
    there.parent.mkdir(parents=True)
    if with_wal:  # as a killed driver leaves it
        shutil.copytree(run.path, there)
        assert (there / "ledger.db-wal").stat().st_size > 0
    ledger.close()
    if not with_wal:
        run.path.rename(there)
    moved = RunFolder(there)
    assert not moved.is_trusted
    assert read_status(moved)["trained"] == 2
    check_same_search(moved, config)
    resumed = Ledger.resume(config, moved)
    proposals = propose_from(config, resumed)
    assert proposals.trained == 2
    assert [trial.number for trial in proposals.unfinished] == [2]
    assert proposals.propose().number == 3


def test_a_run_is_resumed_where_its_data_and_its_storage_lie_elsewhere(
    begun: Any,
    config_of: ConfigOf,
    propose_from: Begin,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As when a project's folder moves, whose paths were relative."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()

    def placed(folder: Path) -> dict[str, Any]:
        data = {"name": "image_folder", "image_size": [8, 8], "validation_images": 10}
        return {"storage": f"sqlite:///{folder}/all.db", "data": {**data, "path": str(folder)}}

    _, run, ledger = begun(**placed(old))
    ledger.close()
    old.rename(new)
    config = config_of(**placed(new))
    with caplog.at_level(logging.WARNING):
        check_same_search(RunFolder(run.path, trust=True), config)
    assert f"data.path was {old}, is {new}" in caplog.text
    assert len(Ledger.resume(config, run).evaluations()) == 3
    other = config_of(**placed(new), seed=4)
    with pytest.raises(RunError, match="another configuration: seed was 3, is 4"):
        check_same_search(RunFolder(run.path, trust=True), other)


@pytest.mark.parametrize("shared", [False, True])
def test_a_lost_environment_is_written_anew(
    begun: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, shared: bool
) -> None:
    changes = {"storage": f"sqlite:///{tmp_path}/all.db"} if shared else {}
    config, run, ledger = begun(**changes)
    run_id = run.run_id
    ledger.close()
    (run.path / "environment.json").unlink()
    assert read_status(RunFolder(run.path, trust=True))["trained"] == 2  # without a word
    assert not caplog.messages
    with caplog.at_level(logging.WARNING):
        Ledger.resume(config, run)
    (message,) = caplog.messages
    assert "has lost its environment.json" in message
    assert ("assumed to be this folder's" in message) == shared
    assert run.run_id == run_id
    caplog.clear()
    Ledger.resume(config, run)
    assert not caplog.messages


def test_a_folder_that_never_had_a_ledger_takes_no_other_run_s(begun: Any, tmp_path: Path) -> None:
    """Its environment is lost, and another folder has begun a run of its name in the storage."""
    config, _, _ = begun(storage=f"sqlite:///{tmp_path}/all.db")
    other = RunFolder.create(tmp_path / "elsewhere", config)
    (other.path / "environment.json").unlink()
    with pytest.raises(RunError, match="not that of the folder"):
        Ledger.resume(config, other)


@pytest.mark.parametrize("shared", [False, True])
def test_a_deleted_ledger_is_not_begun_anew(begun: Any, tmp_path: Path, shared: bool) -> None:
    file = tmp_path / "all.db"
    config, run, ledger = begun(**({"storage": f"sqlite:///{file}"} if shared else {}))
    ledger.close()
    lost = file if shared else run.ledger_file
    lost.rename(tmp_path / "kept.db")
    with pytest.raises(RunError) as caught:
        Ledger.resume(config, run)
    assert str(lost) in str(caught.value)
    assert "put it back" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not lost.exists()
    (tmp_path / "kept.db").rename(lost)
    assert len(Ledger.resume(config, run).evaluations()) == 3


def test_a_run_that_died_before_its_ledger_is_begun(config_of: ConfigOf, runs: Path) -> None:
    run = RunFolder.create(runs, config_of())
    assert Ledger.resume(config_of(), run).evaluations() == []


def test_reading_a_ledger_does_not_end_the_locks_of_this_process(begun: Any) -> None:
    """Else another process deletes the write-ahead file that an open ledger goes on using."""
    config, run, ledger = begun()
    before = ledger.evaluations()  # its connection is idle from here on
    assert len(Ledger.read(config, run).evaluations()) == 3
    ledger_of(run)[1].close()
    from nas.workflows.runs import summary_of  # noqa: PLC0415

    run.write_json("state.json", {"finished": True, "trained": 2})
    assert summary_of(run.path).problem is None
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
        "c.execute('CREATE TABLE other (x)'); c.executemany('INSERT INTO other VALUES (?)', "
        "[(str(n) * 500,) for n in range(500)]); c.commit(); c.close()"
    )
    subprocess.run([sys.executable, "-c", script, str(run.ledger_file)], check=True)
    assert run.ledger_file.with_name("ledger.db-wal").exists()
    assert ledger.evaluations() == before
    ledger.close()
    with sqlite3.connect(run.ledger_file) as whole:
        assert whole.execute("PRAGMA integrity_check").fetchone() == ("ok",)
