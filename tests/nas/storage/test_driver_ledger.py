"""A ledger on the driver's disk: its copies, and which one counts after a driver is killed."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from nas.cli.main import main
from nas.config.search_config import SearchConfig
from nas.config.trust import list_run
from nas.errors import RunError
from nas.storage import driver_ledger
from nas.storage.driver_ledger import on_driver
from nas.storage.ledger import Ledger, ledger_of
from nas.storage.run.folder import RunFolder
from nas.storage.run.ledger_away import RECORD, ledger_away
from search_space.space import SearchSpace
from search_space.yaml_validation import ConfigError

ConfigOf = Callable[..., SearchConfig]


class Mounted(NamedTuple):
    mountpoint: str
    fstype: str


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """The folder on the driver's disk."""
    return tmp_path / "disk"


@pytest.fixture
def config(config_of: ConfigOf, disk: Path) -> SearchConfig:
    return config_of(ledger_folder=str(disk))


@pytest.fixture
def run(config: SearchConfig, runs: Path) -> RunFolder:
    made = RunFolder.create(runs, config)
    list_run(made.config_file)
    return made


@pytest.fixture
def network_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes a folder one of a network, as far as the system says."""

    def mount(folder: Path) -> None:
        mounts = [Mounted("/", "ext4"), Mounted(str(folder), "nfs4")]
        monkeypatch.setattr("psutil.disk_partitions", lambda all: mounts)

    return mount


@pytest.fixture
def add(small_space: SearchSpace) -> Callable[[Ledger, int], None]:
    """Adds a row, with another architecture for each number."""

    def row(ledger: Ledger, number: int) -> None:
        architecture = small_space.numbered(number)
        ledger.add(
            "retrain",
            architecture,
            seed=number,
            metrics={"val_accuracy": 0.5, "params": 1.0},
            curve=[{"epoch": 1, "val_accuracy": 0.5}],
            device_seconds=1.0,
            recipe_id="x",
        )

    return row


def seeds(ledger: Ledger) -> list[int]:
    return [row.seed for row in ledger.evaluations("retrain")]


def in_a_killed_process(act: Callable[[], None]) -> None:
    """Runs a driver that is killed: nothing after ``act`` happens."""
    child = os.fork()
    if child == 0:
        try:
            act()
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def read(run: RunFolder) -> list[int]:
    """The rows that a command sees which only reads."""
    _, ledger = ledger_of(run)
    rows = seeds(ledger)
    ledger.close()
    return rows


def drive(
    config: SearchConfig, run: RunFolder, add: Callable[[Ledger, int], None], *numbers: int
) -> list[int]:
    """Drives a run to a regular end; returns the rows that it began with."""
    with run.driving(), on_driver(config, run):
        ledger = Ledger.resume(config, run)
        before = seeds(ledger)
        for number in numbers:
            add(ledger, number)
        ledger.close()
    return before


def drive_and_die(
    config: SearchConfig,
    run: RunFolder,
    add: Callable[[Ledger, int], None],
    copied: int,
    after: int,
) -> None:
    """Drives a run, in which a row is copied and another is not; then the driver is killed."""

    def act() -> None:
        with run.driving(), on_driver(config, run):
            ledger = Ledger.resume(config, run)
            run.write_json("state.json", {"finished": False})
            add(ledger, copied)
            assert run.driver_ledger is not None
            assert driver_ledger._Copies(run, run.driver_ledger).copy()
            add(ledger, after)
            os._exit(0)

    in_a_killed_process(act)


def test_a_driver_that_ends_puts_the_ledger_back(
    config: SearchConfig, run: RunFolder, disk: Path, add: Any
) -> None:
    assert drive(config, run, add, 1, 2) == []
    assert list(disk.iterdir()) == []
    assert ledger_away(run) is None
    assert {file.name for file in run.path.iterdir()} >= {"ledger.db"}
    assert not (run.path / "ledger.db-wal").exists()
    assert read(run) == [1, 2]
    assert drive(config, run, add, 3) == [1, 2]
    assert read(run) == [1, 2, 3]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RunError("the server is away")])
def test_so_does_one_that_is_stopped(
    config: SearchConfig, run: RunFolder, disk: Path, add: Any, error: Any
) -> None:
    def stopped() -> None:
        with on_driver(config, run):
            add(Ledger.resume(config, run), 1)
            raise error

    with pytest.raises((KeyboardInterrupt, RunError)):
        stopped()
    assert list(disk.iterdir()) == []
    assert read(run) == [1]


def test_readers_read_a_copy_and_say_how_old_it_is(
    config: SearchConfig,
    run: RunFolder,
    add: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(driver_ledger, "COPY_EVERY_SECONDS", 0.05)
    with on_driver(config, run):
        ledger = Ledger.resume(config, run)
        add(ledger, 1)
        while not run.ledger_file.is_file() or read(run) != [1]:
            pass  # until the thread has copied
        assert run.driver_ledger is not None
        assert str(run.driver_ledger) in caplog.text
        said = r"and its folder has a copy of it, \d+s old, which is read"
        assert re.search(said, caplog.text)
        add(ledger, 2)
        ledger.close()
    caplog.clear()
    assert read(run) == [1, 2]
    assert caplog.text == ""


def test_after_a_killed_driver_its_own_file_counts(
    config: SearchConfig, run: RunFolder, add: Any, caplog: pytest.LogCaptureFixture
) -> None:
    drive_and_die(config, run, add, 1, 2)
    assert read(run) == [1]
    with pytest.raises(RunError, match=r"cannot be written to here: its ledger is .*first-"):
        Ledger.open(config, run)
    assert drive(config, run, add, 3) == [1, 2]
    assert "going on with the ledger" in caplog.text
    assert read(run) == [1, 2, 3]


def test_elsewhere_the_copy_counts_from_then_on(
    config: SearchConfig,
    run: RunFolder,
    disk: Path,
    add: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The disk of the killed driver is another machine's; later the run comes back to it."""
    drive_and_die(config, run, add, 1, 2)
    (left,) = disk.glob("*.db")
    disk.rename(away := disk.with_name("other machine"))
    assert drive(config, run, add, 3) == [1]
    assert str(left) in caplog.text
    assert "what was written after the copy is trained again" in caplog.text
    disk.rmdir()
    away.rename(disk)
    assert drive(config, run, add) == [1, 3]
    assert left.is_file()  # nobody removed it


def test_a_second_killed_driver_hides_the_first(
    config: SearchConfig, run: RunFolder, disk: Path, add: Any
) -> None:
    drive_and_die(config, run, add, 1, 2)
    disk.rename(away := disk.with_name("other machine"))
    drive_and_die(config, run, add, 3, 4)
    for file in away.iterdir():
        file.rename(disk / file.name)
    assert drive(config, run, add) == [1, 3, 4]


def test_in_another_folder_of_the_machine_it_is_not_taken_for_lost(
    config: SearchConfig, run: RunFolder, disk: Path, add: Any
) -> None:
    drive_and_die(config, run, add, 1, 2)
    elsewhere = config.replace(ledger_folder=str(disk.with_name("other")))
    with pytest.raises(RunError, match=f"give ledger_folder={disk} to go on with it"):
        drive(elsewhere, run, add)
    with pytest.raises(RunError, match="cannot be written to here"):
        drive(config.replace(ledger_folder=None), run, add)


def test_a_run_that_kept_its_ledger_in_its_folder_goes_on(
    config: SearchConfig, run: RunFolder, disk: Path, add: Any
) -> None:
    """A killed driver has left rows that are written ahead."""
    here = config.replace(ledger_folder=None)

    def act() -> None:
        add(Ledger.create(here, run), 1)
        os._exit(0)

    in_a_killed_process(act)
    assert (run.path / "ledger.db-wal").stat().st_size
    assert drive(config, run, add, 2) == [1]
    assert not (run.path / "ledger.db-wal").exists()
    assert drive(here, run, add, 3) == [1, 2]
    assert drive(config, run, add) == [1, 2, 3]


def test_a_ledger_of_a_run_that_was_taken_over_stays_where_it_is(
    config: SearchConfig, run: RunFolder, disk: Path, add: Any
) -> None:
    def overtaken() -> None:
        with on_driver(config, run):
            add(Ledger.resume(config, run), 1)
            record = json.loads((run.path / RECORD).read_text())
            run.write_json(RECORD, record | {"file": str(disk / "another.db")})

    with pytest.raises(RunError, match="was taken over by another driver"):
        overtaken()
    (own,) = disk.glob("*.db")
    assert own.is_file()


def test_a_copy_that_cannot_be_written_leaves_the_ledger_whole(
    config: SearchConfig, run: RunFolder, disk: Path, add: Any, full_disk: Any
) -> None:
    driving = ExitStack()
    driving.enter_context(on_driver(config, run))
    ledger = Ledger.resume(config, run)
    add(ledger, 1)
    ledger.close()
    with pytest.raises(RunError, match=f"the ledger is whole in {disk}"), full_disk(1000):
        driving.close()
    assert drive(config, run, add) == [1]


def test_a_share_that_goes_away_costs_no_row(
    config: SearchConfig, run: RunFolder, disk: Path, add: Any
) -> None:
    elsewhere = run.path.with_name("unmounted")

    def cut_off() -> None:
        with on_driver(config, run):
            ledger = Ledger.resume(config, run)
            add(ledger, 1)
            ledger.close()
            run.path.rename(elsewhere)

    with pytest.raises(RunError, match=f"{run.path} is gone; the run's ledger is whole in {disk}"):
        cut_off()
    elsewhere.rename(run.path)
    assert drive(config, run, add) == [1]


def test_a_run_that_cannot_begin_leaves_nothing_on_the_disk(
    config: SearchConfig, run: RunFolder, disk: Path, add: Any
) -> None:
    def fails() -> None:
        with on_driver(config, run):
            Ledger.resume(config, run).close()
            run.remove()
            raise RunError("it cannot begin")

    with pytest.raises(RunError, match="it cannot begin"):
        fails()
    assert not run.path.exists()
    assert list(disk.iterdir()) == []


def test_within_written_a_ledger_takes_rows_and_is_read_again_after(
    config: SearchConfig, run: RunFolder, add: Any
) -> None:
    drive(config, run, add, 1)
    again, ledger = ledger_of(run, writes=True)
    with run.driving(), ledger.written(again, run):
        add(ledger, 2)
    assert seeds(ledger) == [1, 2] == read(run)


def test_an_untrusted_run_takes_its_ledger_nowhere(
    config: SearchConfig, run: RunFolder, add: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive(config, run, add, 1)
    monkeypatch.setenv("XDG_STATE_HOME", str(run.path / "no list"))
    assert read(run) == [1]
    with pytest.raises(Exception, match=r"ledger_folder=.* only for what you trust"):
        ledger_of(run, writes=True)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "would be written on {}, a network file system (nfs4)"),
        ({"storage": "sqlite:///{}/all.db"}, "would be written on {}, a network"),
        ({"ledger_folder": "{}/x"}, "must be on this machine's own disk, got {}/x, which is on"),
    ],
)
def test_sqlite_on_a_network_is_refused_before_a_run_is_made(
    config_of: ConfigOf,
    tmp_path: Path,
    network_at: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, str],
    told: str,
) -> None:
    network_at(tmp_path)
    changes = {key: value.format(tmp_path) for key, value in changes.items()}
    data = config_of().model_dump(mode="json", exclude_none=True) | changes
    file = tmp_path / "search.yaml"
    file.write_text(yaml.safe_dump(data))
    runs = tmp_path / "runs"
    monkeypatch.setattr(sys, "argv", ["nas", "search", str(file), "--runs", str(runs)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = "".join(capsys.readouterr().err.split("\n"))
    assert said.startswith("error: ")
    assert told.format(tmp_path) in said
    if "ledger_folder" not in changes:
        assert "storage=postgresql://user@host/database, or" in said
        assert "ledger_folder=FOLDER" in said
    assert not runs.exists()


def test_a_run_on_a_network_is_not_resumed_either(
    config_of: ConfigOf, runs: Path, add: Any, network_at: Callable[[Path], None], disk: Path
) -> None:
    config = config_of()
    run = RunFolder.create(runs, config)
    list_run(run.config_file)
    drive(config, run, add, 1)
    network_at(runs)
    with pytest.raises(RunError, match="network file system"):
        drive(config, run, add)
    with pytest.raises(RunError, match="network file system"):
        ledger_of(run, writes=True)
    assert read(run) == [1]
    assert drive(config.replace(ledger_folder=str(disk)), run, add) == [1]


def test_one_place_of_the_ledger(config_of: ConfigOf) -> None:
    with pytest.raises(ConfigError, match="give one of the two"):
        config_of(storage="sqlite:////tmp/x.db", ledger_folder="/tmp")
