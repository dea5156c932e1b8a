"""A run's folder: made, found, held by one process, written whole."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch

from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.storage.run.environment import PACKAGES
from nas.storage.run.folder import RunFolder
from nas.storage.run.names import next_name
from nas.storage.whole_file import write_whole
from search_space.architecture import Task
from search_space.yaml_validation import ConfigError

ROOT = Path(__file__).parents[3]

ConfigOf = Callable[..., SearchConfig]


def test_a_new_run_has_its_configuration(config_of: ConfigOf, runs: Path) -> None:
    config = config_of(seed=5)
    run = RunFolder.create(runs, config)
    assert run.path == runs / "first"
    assert run.name == "first"
    assert run.config() == config
    assert {path.name for path in run.path.iterdir()} == {"config.yaml", "environment.json"}
    assert not run.state().finished


def test_the_environment_is_recorded(
    config_of: ConfigOf, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["nas", "search", "x.yaml", "seed=5"])
    before = datetime.now().astimezone().replace(microsecond=0)
    run = RunFolder.create(runs, config_of(seed=5))
    environment = json.loads((run.path / "environment.json").read_text())
    assert environment["seed"] == 5
    assert environment["command"] == ["nas", "search", "x.yaml", "seed=5"]
    assert environment["python"] == ".".join(map(str, sys.version_info[:3]))
    assert environment["cpus"] == os.cpu_count()
    assert set(environment["versions"]) == set(PACKAGES)
    assert environment["versions"]["torch"] == torch.__version__
    assert all(isinstance(version, str) for version in environment["versions"].values())
    assert before <= datetime.strptime(environment["started"], "%Y-%m-%dT%H:%M:%S%z")
    git = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert environment["git_commit"] == (git.stdout.strip() or None)
    assert environment["platform"]


def test_a_run_is_found_by_name_path_and_as_the_latest(
    config_of: ConfigOf, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {name: RunFolder.create(runs, config_of(name=name)) for name in ("b", "a")}
    monkeypatch.chdir(tmp_path)
    for name, run in made.items():
        for way in (name, str(run.path), f"runs/{name}", f"./runs/{name}/"):
            assert RunFolder.find(way, runs).path == run.path.resolve()
    made["a"].point_latest_here()
    latest = RunFolder.find("latest", runs)
    assert latest.path == made["a"].path.resolve()
    assert latest.name == "a"  # not the link's
    RunFolder.create(runs, config_of(name="c")).point_latest_here()
    assert RunFolder.find("latest", runs).name == "c"
    assert RunFolder.find(str(runs / "latest"), tmp_path / "elsewhere").name == "c"


def test_runs_that_were_moved_are_found(config_of: ConfigOf, runs: Path, tmp_path: Path) -> None:
    RunFolder.create(runs, config_of()).point_latest_here()
    runs.rename(tmp_path / "moved")
    assert RunFolder.find("latest", tmp_path / "moved").config() == config_of()


def test_an_unknown_run_is_answered_with_the_nearest(config_of: ConfigOf, runs: Path) -> None:
    with pytest.raises(RunError) as caught:
        RunFolder.find("frist", runs)
    assert str(caught.value) == f"no run 'frist'; there are none in {runs}"
    for name in ("second", "first"):
        RunFolder.create(runs, config_of(name=name))
    (runs / "no-run").mkdir()
    with pytest.raises(RunError) as caught:
        RunFolder.find("frist", runs)
    assert str(caught.value) == f"no run 'frist' in {runs}; did you mean 'first'?"
    with pytest.raises(RunError, match=r"no run 'zzz' in .*; known: first, second"):
        RunFolder.find("zzz", runs)


def test_an_existing_run_is_kept_and_a_free_name_suggested(config_of: ConfigOf, runs: Path) -> None:
    run = RunFolder.create(runs, config_of())
    before = run.config_file.read_text()
    for free in ("first-2", "first-3"):
        with pytest.raises(RunError) as caught:
            RunFolder.create(runs, config_of(seed=99))
        assert str(caught.value) == (
            f"run 'first' already exists in {runs}: continue it with --resume, or choose another "
            f"name with name={free}"
        )
        assert next_name(runs, "first") == free
        RunFolder.create(runs, config_of(name=free))
    assert run.config_file.read_text() == before


def test_a_folder_that_cannot_be_made_is_named(config_of: ConfigOf, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot make .*file/runs/first: .*file is not a folder"):
        RunFolder.create(tmp_path / "file" / "runs", config_of())


def test_a_configuration_made_invalid_is_refused(config_of: ConfigOf, runs: Path) -> None:
    run = RunFolder.create(runs, config_of())
    run.config_file.write_text(run.config_file.read_text().replace("seed: 3", "seed: three"))
    with pytest.raises(ConfigError, match="seed: input should be a valid integer, got 'three"):
        run.config()


def test_a_finished_run_says_so(config_of: ConfigOf, runs: Path) -> None:
    run = RunFolder.create(runs, config_of())
    run.write_json("state.json", {"finished": False})
    assert not run.state().finished
    run.write_json("state.json", {"finished": True})
    assert run.state().finished
    assert json.loads((run.path / "state.json").read_text()) == {"finished": True}


def hold(run: RunFolder, connection: Connection) -> None:
    """Hold the run until the other end of the connection says something."""
    with run.driving():
        connection.send("held")
        connection.recv()


@contextmanager
def driven_elsewhere(run: RunFolder) -> Iterator[tuple[BaseProcess, Connection]]:
    """Another process that holds the run until it is told to end."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe()
    process = fork.Process(target=hold, args=(run, theirs))
    process.start()
    try:
        assert ours.recv() == "held"
        yield process, ours
    finally:
        process.kill()
        process.join()


def test_a_second_process_cannot_drive(config_of: ConfigOf, runs: Path) -> None:
    run = RunFolder.create(runs, config_of())
    with driven_elsewhere(run) as (process, connection):
        assert run.is_driven()
        with pytest.raises(RunError, match="run 'first' is being driven by another process"):
            run.driving().__enter__()
        connection.send("go")
        process.join(timeout=30)
        assert process.exitcode == 0
    assert not run.is_driven()
    with run.driving():
        assert run.is_driven()
    assert not run.is_driven()


def test_a_killed_process_lets_go(config_of: ConfigOf, runs: Path) -> None:
    run = RunFolder.create(runs, config_of())
    with driven_elsewhere(run) as (process, _):
        assert run.is_driven()
        process.kill()
        process.join(timeout=30)
    with run.driving():
        pass


def test_an_error_lets_go(config_of: ConfigOf, runs: Path) -> None:
    run = RunFolder.create(runs, config_of())
    with pytest.raises(KeyError), run.driving():
        raise KeyError
    assert not run.is_driven()


def test_a_run_that_cannot_be_held_is_one_message(config_of: ConfigOf, runs: Path) -> None:
    run = RunFolder.create(runs, config_of())
    (run.path / "driver.lock").mkdir()
    with pytest.raises(RunError, match=r"cannot use .*driver\.lock: Is a directory"):
        run.driving().__enter__()


@pytest.mark.parametrize("content", ['{"a":', "[]", "\udcff"])
def test_a_damaged_file_of_a_run_is_named(
    config_of: ConfigOf, runs: Path, content: str, task: Task
) -> None:
    run = RunFolder.create(runs, config_of())
    with pytest.raises(RunError, match=r"task\.json cannot be read: No such file"):
        run.task()
    run.write_json("task.json", task.model_dump(mode="json"))
    assert run.task() == task
    for name in ("task.json", "state.json", "environment.json"):
        (run.path / name).write_text(content, errors="surrogateescape")
    for read in (run.task, run.state, lambda: run.run_id):
        with pytest.raises(RunError, match=r"(task|state|environment)\.json cannot be read: "):
            read()
    run.write_json("task.json", {"classes": 10})
    with pytest.raises(RunError, match=r"task\.json cannot be read: input_shape: Field required"):
        run.task()


def test_runs_do_not_hold_each_other(config_of: ConfigOf, runs: Path) -> None:
    first, second = (RunFolder.create(runs, config_of(name=name)) for name in ("one", "two"))
    with first.driving(), second.driving():
        assert first.is_driven()


def test_a_file_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    for text in ("first", "second, µ"):
        write_whole(file, text)
        assert file.read_text() == text
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_keeps_the_old_content(
    tmp_path: Path, full_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    file = tmp_path / "state.json"
    write_whole(file, "whole")
    with pytest.raises(RunError) as caught, full_disk(4096):
        write_whole(file, "x" * 100_000)
    assert str(caught.value) == f"cannot write {file}: File too large"
    assert file.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    file = tmp_path / "gone" / "state.json"
    with pytest.raises(RunError, match=r"cannot write .*gone/state\.json: No such file"):
        write_whole(file, "text")
