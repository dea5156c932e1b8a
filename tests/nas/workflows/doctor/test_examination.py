"""Examinations and repairs as a whole: what they refuse, and what is never wrong."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
from collections import namedtuple
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from nas.cli.main import main
from nas.errors import RunError, RunIsDrivenError
from nas.storage.run.folder import RunFolder
from nas.workflows.doctor.copies import MOVED_ROWS
from tests.faults.mounts import NoMounts, read_only
from tests.nas.workflows.doctor.damages import OF_THE_LEDGER, dead_process
from tests.nas.workflows.doctor.real_run import digests, examined, repaired, wrong
from tests.needed import lacking

Nas = Callable[..., tuple[int, str, str]]


@pytest.fixture
def nas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nas:
    """Runs ``nas ARGUMENTS`` in this process: its exit status and what it printed."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nas", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


def test_the_command_says_what_is_wrong_and_mends_it(finished: RunFolder, nas: Nas) -> None:
    OF_THE_LEDGER["cut JSON"].act(finished)
    status, out, err = nas("doctor", finished.path)
    assert (status, err) == (1, "")
    lines = out.splitlines()
    assert lines[0] == "1 thing is wrong with real"
    assert lines[1].startswith("wrong: ledger.db, real, trial ")
    assert [line.split(":")[0] for line in lines[2:4]] == ["  affects", "  recovery"]
    assert "nas doctor" in lines[4]
    assert "--repair" in lines[4]
    status, out, err = nas("doctor", finished.path, "--repair")
    assert (status, err) == (0, "")
    assert "bytes, to" in out.splitlines()[0]
    assert "repaired: took the results of ledger.db, real, trial" in out
    assert "real is healthy" in out
    status, out, err = nas("doctor", finished.path, "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["healthy"] is True


def test_the_rows_that_change_are_kept_as_they_were(finished: RunFolder) -> None:
    OF_THE_LEDGER["another value"].act(finished)
    copies = repaired(finished).copies
    assert copies is not None
    (line,) = (copies / MOVED_ROWS).read_text().splitlines()
    (trial,) = json.loads(line)["rows"]["trials"]
    assert trial["state"] == "COMPLETE"
    assert {row["key"] for row in json.loads(line)["rows"]["trial_user_attributes"]} >= {
        "curve",
        "metrics",
        "architecture",
    }


def test_a_driven_run_is_examined_and_not_repaired(interrupted: RunFolder, nas: Nas) -> None:
    before = digests(interrupted.path)
    with interrupted.driving():
        diagnosis = examined(interrupted)
        assert diagnosis.is_driven
        assert diagnosis.is_healthy
        with pytest.raises(RunIsDrivenError, match="--repair waits for its end"):
            repaired(interrupted)
        status, _, err = nas("doctor", interrupted.path, "--repair")
        assert status == 1
        assert err.startswith("error: run 'real' is being driven by another process")
        status, _, err = nas("clean", interrupted.path, "--yes")
        assert status == 1
        assert "is being driven by another process: clean it when that has ended" in err
    assert digests(interrupted.path) == before


def test_a_repair_without_room_for_copies_changes_nothing(
    finished: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    OF_THE_LEDGER["cut JSON"].act(finished)
    before = digests(finished.path)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(100, 90, 10))
    with pytest.raises(RunError, match=r"needs [\d,]+ bytes for copies .* 10 bytes are free"):
        repaired(finished)
    assert digests(finished.path) == before


def test_a_run_on_a_read_only_disk_is_examined_and_not_repaired(
    finished: RunFolder, nas: Nas
) -> None:
    try:
        with read_only(finished.path.parent):
            with pytest.raises(OSError, match="Read-only file system"):
                (finished.path / "probe").write_text("")
            status, out, err = nas("doctor", finished.path)
            assert (status, out.strip(), err) == (0, "real is healthy", "")
            status, _, err = nas("doctor", finished.path, "--repair")
            assert status == 1
            assert err.endswith("driver.lock: Read-only file system\n")
    except NoMounts as error:
        lacking(f"no file system can be mounted: {error}")


def test_a_killed_driver_leaves_nothing_wrong(interrupted: RunFolder) -> None:
    """The write-ahead file of a process that was killed is part of the ledger."""
    database = sqlite3.connect(interrupted.ledger_file)
    database.execute("PRAGMA journal_mode=WAL")
    with database:
        database.execute(
            "INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (1, 'x', '1')"
        )
    names = ("ledger.db", "ledger.db-wal")
    contents = {name: (interrupted.path / name).read_bytes() for name in names}
    database.close()
    for name, content in contents.items():
        (interrupted.path / name).write_bytes(content)
    assert contents["ledger.db-wal"]
    assert examined(interrupted).findings == []
    assert not (interrupted.path / "ledger.db-shm").exists()


def test_a_file_that_a_living_process_writes_is_left_alone(interrupted: RunFolder) -> None:
    (interrupted.path / f".{os.getpid()}-0a1b2c3d.tmp").write_text("half")
    assert examined(interrupted).findings == []


def test_an_act_that_fails_is_said_and_the_others_go_on(
    finished: RunFolder, monkeypatch: pytest.MonkeyPatch, nas: Nas
) -> None:
    (finished.path / f".{dead_process()}-0a1b2c3d.tmp").write_text("half")
    (finished.path / "task.json").unlink()

    def no_data(config: object) -> None:
        raise RunError("the data are gone")

    monkeypatch.setattr("nas.workflows.doctor.descriptions.load_data", no_data)
    status, out, _ = nas("doctor", finished.path, "--repair")
    assert status == 1
    assert "not repaired: task.json: writes task.json anew from the data: the data are gone" in out
    assert "repaired: removed" in out
    assert wrong(examined(finished)) == [
        "task.json: cannot be read: No such file or directory"
    ] or wrong(examined(finished)) == ["task.json: the task of the architectures is missing"]


def test_a_run_without_its_configuration_is_found(finished: RunFolder, nas: Nas) -> None:
    (finished.path / "config.yaml").unlink()
    status, out, _ = nas("doctor", "real", "--runs", finished.path.parent)
    assert status == 1
    assert "wrong: config.yaml: the configuration is missing" in out
    assert "the run was begun by: " in out
    status, _, err = nas("doctor", "none", "--runs", finished.path.parent)
    assert status == 1
    assert err.startswith("error: no run 'none'")


def test_networks_in_a_store_are_not_looked_at_which_is_said(finished: RunFolder, nas: Nas) -> None:
    lines = finished.config_file.read_text().splitlines()
    kept = [line for line in lines if not line.startswith("networks_url:")]
    store = "s3://bucket/networks"
    finished.config_file.write_text("\n".join([*kept, f"networks_url: {store}"]) + "\n")
    status, out, _ = nas("doctor", finished.path)
    assert status == 0
    assert f"networks_url={store}" in out
    status, out, _ = nas("clean", finished.path)
    assert status == 0
    assert f"what full trainings keep at networks_url={store} is not looked at" in out
    status, out, _ = nas("clean", finished.path, "--json")
    assert json.loads(out)["not_looked_at"] == store


def test_a_ledger_outside_of_the_folder_needs_trust(
    finished: RunFolder, nas: Nas, tmp_path: Path
) -> None:
    shutil.move(finished.ledger_file, tmp_path / "elsewhere.db")
    text = finished.config_file.read_text()
    url = f"storage: sqlite:///{tmp_path}/elsewhere.db\n"
    lines = [line for line in text.splitlines() if not line.startswith("storage:")]
    finished.config_file.write_text("\n".join(lines) + "\n" + url)
    status, _, err = nas("doctor", finished.path)
    assert status == 1
    assert "elsewhere.db would be opened" in err
    status, out, _ = nas("doctor", finished.path, "--trust")
    assert (status, out.strip()) == (0, "real is healthy")
    with closing(sqlite3.connect(tmp_path / "elsewhere.db")) as database, database:
        database.execute("UPDATE trials SET datetime_start = '2024-13-45' WHERE trial_id = 1")
    status, out, _ = nas("doctor", finished.path, "--trust", "--repair")
    assert status == 0
    assert "took the results of" in out or "moved" in out
