"""Leftovers of killed processes go with the next command; what a living one makes stays."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest

from nas.config.search_config import SearchConfig
from nas.storage.networks.checkpoints import save_checkpoint
from nas.storage.run.folder import RunFolder
from nas.storage.run.leftovers import begun_folder

ConfigOf = Callable[..., SearchConfig]
FORK = multiprocessing.get_context("fork")


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def write_until_killed(config: SearchConfig, runs: Path, moment: str) -> None:
    """Write what the moment is of; the process kills itself before the file has its name."""
    with mock.patch("nas.storage.run.folder.environment", die):
        if moment == "making":
            RunFolder.create(runs, config)
    run = RunFolder(runs / "first")
    with mock.patch("nas.atomic_write.Path.replace", die):
        if moment == "state":
            run.write_json("state.json", {})
        if moment == "link":
            run.point_latest_here()
        if moment == "checkpoint":
            save_checkpoint(run.retrain_folder / "a-training0" / "checkpoint.pt", {})


@pytest.fixture
def killed_at(config_of: ConfigOf, runs: Path) -> Callable[[str], None]:
    """Runs a process that kills itself at a moment of its writing."""

    def run(moment: str) -> None:
        process = FORK.Process(target=write_until_killed, args=(config_of(), runs, moment))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL

    return run


def hidden(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob(".*")}


def test_a_killed_creation_is_removed_by_the_next(
    killed_at: Callable[[str], None], config_of: ConfigOf, runs: Path
) -> None:
    killed_at("making")
    (left,) = hidden(runs)
    assert left.startswith(".first.")
    run = RunFolder.create(runs, config_of())
    assert hidden(runs) == set()
    assert run.config() == config_of()


@pytest.mark.parametrize("moment", ["state", "link", "checkpoint"])
def test_a_file_of_a_killed_write_is_removed_when_the_run_is_held(
    killed_at: Callable[[str], None], config_of: ConfigOf, runs: Path, moment: str
) -> None:
    run = RunFolder.create(runs, config_of())
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    killed_at(moment)
    (left,) = hidden(runs)
    assert left.endswith(".tmp")
    with run.driving():
        assert hidden(runs) == set()
    assert all(path.read_bytes() == content for path, content in before.items())


@pytest.fixture
def living() -> Iterator[int]:
    """The number of a process that lives."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process.pid
        process.kill()


def test_what_a_living_process_makes_stays(config_of: ConfigOf, runs: Path, living: int) -> None:
    run = RunFolder.create(runs, config_of())
    being_made = begun_folder(runs / "other")
    others = being_made.with_name(being_made.name.rpartition("-")[0] + f"-{living}")
    elsewhere = runs / ".other.01234567-1"  # of another machine
    written = run.path / f".{living}-01234567.tmp"
    strange = runs / ".notes.999999999"  # holds what no run's beginning does
    for folder in (others, elsewhere, strange):
        folder.mkdir()
    (others / "config.yaml").write_text("x")
    (strange / "thoughts.txt").write_text("x")
    written.write_text("x")
    with run.driving():
        RunFolder.create(runs, config_of(name="third"))
    assert all(path.exists() for path in (others, elsewhere, written, strange))


def test_a_number_that_another_process_has_by_now_protects_nothing(
    config_of: ConfigOf, runs: Path, living: int
) -> None:
    run = RunFolder.create(runs, config_of())
    written = run.path / f".{living}-01234567.tmp"
    written.write_text("x")
    os.utime(written, (1e9, 1e9))  # before the process began
    (run.path / ".checkpoint8a.tmp").write_text("of an earlier version")
    with run.driving():
        assert hidden(runs) == set()
