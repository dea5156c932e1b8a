"""A full disk and a read-only one: one line names the file, and nothing that was there is lost."""

from __future__ import annotations

import io
import os
import pwd
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from nas.cli.commands.query.frontier import FrontQuery, show_frontier
from nas.cli.commands.search.front_report import report_search
from nas.cli.commands.search.runs import show_runs
from nas.cli.commands.search.status import show_status
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.config.trust import list_run, state_file
from nas.errors import RunError, is_user_error, message_of
from nas.evaluation.example_pictures import ExamplePicture, write_example_pictures
from nas.search.training_states import PausedTrainings
from nas.storage.ledger import Ledger
from nas.storage.networks.checkpoints import PausedStates, save_checkpoint
from nas.storage.networks.retraining import write_curve
from nas.storage.run.folder import RunFolder
from nas.storage.run.journal import append_line, whole_lines
from search_space.architecture import Task
from tests.faults.mounts import NoMounts, full, read_only, small_disk
from tests.hand_driven import HandDriven
from tests.needed import lacking

pytestmark = pytest.mark.many_cases

ConfigOf = Callable[..., SearchConfig]
Begin = Callable[..., HandDriven]
Finish = Callable[..., None]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MiB."""
    try:
        with small_disk(tmp_path / "disk", 8):
            yield tmp_path / "disk"
    except NoMounts as error:
        lacking(f"no file system can be mounted: {error}")


@pytest.fixture
def begun(
    config_of: ConfigOf, propose_from: Begin, finish: Finish, task: Task
) -> Callable[[Path], tuple[SearchConfig, RunFolder]]:
    """Makes a run with trained trials in a folder of runs."""

    def make(runs: Path) -> tuple[SearchConfig, RunFolder]:
        config = config_of()
        run = RunFolder.create(runs, config)
        ledger = Ledger.create(config, run)
        run.write_json("state.json", {"finished": False})
        run.write_json("task.json", task.model_dump(mode="json"))
        run.point_latest_here()
        with run.driving():
            proposals = propose_from(config, ledger)
            for _ in range(3):
                finish(proposals, proposals.propose())
        append_line(run.latency_file, {"arch_id": "a"})
        ledger.close()
        return config, run

    return make


def files(folder: Path) -> dict[str, bytes | str]:
    """Every file with its content, but for SQLite's own beside the ledger."""
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if (path.is_file() or path.is_symlink())
        and not path.name.startswith((".filler", "ledger.db-"))
    }


def writes(config: SearchConfig, run: RunFolder) -> dict[str, Callable[[], object]]:
    """Every kind of write in a run's folder."""
    run_id = run.run_id
    picture = ExamplePicture(0, "cat", torch.randint(0, 255, (3, 99, 99)).byte().numpy())
    longer = config.replace(search=config.search.replace(n_trials=7))
    states = PausedTrainings(PausedStates(run.paused_folder))
    training = run.retrain_folder / "a-training0"
    curve = [{"epoch": epoch, "val_accuracy": 0.1} for epoch in range(3000)]
    ledger = Ledger.read(config, run)
    return {
        "config.yaml": lambda: run.save_config(longer),
        "state.json": lambda: run.write_json("state.json", {"finished": True}),
        "environment.json": lambda: run.restore_environment(run_id, 0),
        "latency.jsonl": lambda: append_line(run.latency_file, {"long": "x" * 99_999}),
        "trial-1.pt": lambda: states.save(1, bytes(99_999)),
        "checkpoint.pt": lambda: save_checkpoint(training / "checkpoint.pt", {"a": 1}),
        "examples": lambda: write_example_pictures([picture], run.retrain_folder / "examples"),
        "curve.csv": lambda: write_curve(training / "curve.csv", curve),
        "front.png": lambda: report_search(Output(file=io.StringIO()), run, config, ledger),
        "other": lambda: RunFolder.create(run.path.parent, config.replace(name="other")),
    }


def test_a_full_disk_costs_nothing_and_is_one_line(disk: Path, begun: Any) -> None:
    config, run = begun(disk / "runs")
    (run.retrain_folder / "a-training0").mkdir(parents=True)
    before = files(disk)
    acts = writes(config, run)
    with full(disk):
        for name, act in acts.items():
            with pytest.raises(Exception, match="No space left on device") as caught:
                act()
            assert is_user_error(caught.value), name
            message = message_of(caught.value)
            assert name in message
            assert "\n" not in message
        assert files(disk) == before
    for act in acts.values():
        act()  # and there is nothing that stands in the way of the same write later
    assert whole_lines(run.latency_file)[0] == b'{"arch_id": "a"}'
    assert len(whole_lines(run.latency_file)) == 2
    assert len(Ledger.resume(config, run).evaluations()) == 3


def test_a_resume_on_a_full_disk_says_what_to_do(disk: Path, begun: Any) -> None:
    config, run = begun(disk / "runs")
    with full(disk):
        with pytest.raises(RunError) as caught:
            run.save_config(config)
        assert str(caught.value) == (
            f"cannot write {run.config_file}: No space left on device; make room and give the "
            "command again (a search with --resume): nothing is lost"
        )
        with pytest.raises(RunError) as caught:
            Ledger.resume(config, run)
        assert str(run.ledger_file) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_full_disk_under_the_list_of_trusted_runs_is_a_warning(
    disk: Path,
    begun: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, run = begun(tmp_path / "runs")
    monkeypatch.setenv("XDG_STATE_HOME", str(disk))
    list_run(run.config_file)
    listed = state_file().read_bytes()
    with full(disk):
        list_run(run.config_file)
    assert "is not listed as a run to be trusted" in caplog.text
    assert state_file().read_bytes() == listed


def read_all(runs: Path) -> str:
    """Run the commands that read; return what they print."""
    printed = io.StringIO()
    output = Output(file=printed)
    show_status(output, "first", runs)
    show_frontier(output, ["first"], runs, FrontQuery())
    show_runs(output, runs)
    return printed.getvalue()


def read_where_nothing_is_written(runs: Path, report: Path, user: int = 0) -> str:
    """Return what the reading commands print in a process of a user's, without a plain write."""
    with report.open("w") as file:
        child = os.fork()
        if child == 0:
            try:
                if user:
                    os.setgroups([])
                    os.setgid(user)
                    os.setuid(user)
                with pytest.raises(OSError, match=r"Read-only|Permission"):
                    (runs / "first" / "probe").write_text("x")
                file.write(read_all(runs))
                file.flush()
                os._exit(0)
            except BaseException:  # noqa: BLE001 (the parent shows it)
                file.write(traceback.format_exc())
                file.flush()
                os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status == 0, report.read_text()
    return report.read_text()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(prefix="convattn-tests-", dir="/tmp") as path:
        Path(path).chmod(0o755)
        yield Path(path)


@pytest.fixture(params=["closed", "killed"])
def left(request: pytest.FixtureRequest, begun: Any, open_folder: Path) -> Path:
    """A folder of runs, as a driver leaves it that ended, or that was killed."""
    runs = open_folder / "runs"
    child = os.fork() if request.param == "killed" else None
    if child == 0:
        try:
            config, run = begun(runs)
            ledger = Ledger.open(config, run)
            ledger.transact(lambda: ledger.study("search").set_user_attr("last", 1))
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    if child is None:
        begun(runs)
    else:
        os.waitpid(child, 0)
    beside = {path.name for path in (runs / "first").iterdir()} & {"ledger.db-wal", "ledger.db-shm"}
    assert len(beside) == (2 if request.param == "killed" else 0)
    return runs


def test_a_run_on_a_read_only_disk_is_read(left: Path, tmp_path: Path) -> None:
    before = files(left)
    read_all(left)
    try:
        with read_only(left):
            shown = read_where_nothing_is_written(left, tmp_path / "report")
    except NoMounts as error:
        lacking(f"no file system can be mounted: {error}")
    assert "3 of 6 trained" in shown
    assert files(left) == before


def test_another_user_s_run_is_read(left: Path, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        lacking("only root can run a program as another user")
    before = files(left)
    read_all(left)  # imports all that the other user needs, who may not read it
    shown = read_where_nothing_is_written(left, tmp_path / "report", pwd.getpwnam("nobody").pw_uid)
    assert "3 of 6 trained" in shown
    assert files(left) == before
