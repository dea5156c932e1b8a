"""``nas search`` before the search: its refusals, and that they leave nothing behind."""

from __future__ import annotations

import io
import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from nas.cli.commands.search.resumed_run import check_same_search
from nas.cli.commands.search.search import begin_ledger, run_search_command
from nas.cli.commands.search.search_resume import (
    JOB,
    WaitingNote,
    report_ending,
    resume_command,
    saying_how_to_show,
    trained_so_far,
)
from nas.cli.commands.search.status import read_status, show_status
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.evaluation.evaluate import EvaluationResult
from nas.evaluation.lost_workers import LostWorker
from nas.samplers.trials import WarmStart
from nas.search.waiting import Waiting
from nas.storage.ledger import Ledger
from nas.storage.run.ending import Ending
from nas.storage.run.folder import RunFolder
from nas.storage.run.state import RunState
from nas.storage.sessions import Session, attribute_name
from search_space.architecture import Task
from tests.hand_driven import HandDriven

ConfigOf = Callable[..., SearchConfig]
Start = Callable[[SearchConfig], tuple[RunFolder, Ledger]]


@pytest.fixture
def search_fails(
    config_of: ConfigOf, runs: Path, tmp_path: Path
) -> Callable[..., pytest.ExceptionInfo[RunError]]:
    """Run the command, which must raise before it connects to Ray."""

    def run(*, resume: bool = False, **changes: Any) -> pytest.ExceptionInfo[RunError]:
        file = tmp_path / "search.yaml"
        data = config_of(**changes).model_dump(mode="json", exclude_none=True)
        file.write_text(yaml.safe_dump(data))
        with pytest.raises(RunError) as caught:
            run_search_command(
                Output(file=io.StringIO()), file, [], runs, resume=resume, again=False
            )
        return caught

    return run


def test_a_search_that_cannot_begin_leaves_no_run(
    search_fails: Callable[..., pytest.ExceptionInfo[RunError]],
    config_of: ConfigOf,
    start: Start,
    runs: Path,
    tmp_path: Path,
) -> None:
    sampler = {"name": "default", "learn_from": ["nosuch"]}
    assert "no run 'nosuch'" in str(search_fails(sampler=sampler).value)
    gone = f"sqlite:///{tmp_path}/gone/x.db"
    assert "database" in str(search_fails(storage=gone).value)
    assert not runs.exists()

    shared = config_of(storage=f"sqlite:///{tmp_path}/shared.db")
    run, _ = start(shared)
    run.path.rename(tmp_path / "moved")
    assert "already holds a run called 'first'" in str(search_fails(storage=shared.storage).value)
    assert list(runs.iterdir()) == []
    other = RunFolder.create(runs, shared)  # where it was taken since it was looked at
    with other.driving(), pytest.raises(RunError, match="already holds a run called 'first'"):
        begin_ledger(other, shared, WarmStart())
    assert not other.path.exists()


def test_a_search_is_not_resumed_with_other_data(
    search_fails: Callable[..., pytest.ExceptionInfo[RunError]],
    config_of: ConfigOf,
    start: Start,
    task: Task,
) -> None:
    run, _ = start(config_of())
    before = task.replace(classes=7, input_shape=(1, 9, 8)).model_dump(mode="json")
    run.write_json("task.json", before)
    assert str(search_fails(resume=True).value) == (
        "run 'first' cannot be resumed with other data: classes was 7, is 10; "
        "input_shape was [1, 9, 8], is [1, 8, 8]"
    )
    assert run.task().classes == 7


def test_what_was_stopped_early_or_failed_is_told_apart(
    config_of: ConfigOf,
    start: Start,
    propose_from: Callable[..., HandDriven],
    finish: Callable[..., None],
) -> None:
    config = config_of()
    run, ledger = start(config)
    proposals = propose_from(config, ledger)
    complete, pruned = proposals.propose(), proposals.propose()
    finish(proposals, complete)
    assert trained_so_far(config, ledger) == "1 of 6 trials are trained"
    curve = [{"epoch": 1, "val_accuracy": 0.2}]
    stopped = EvaluationResult({"val_accuracy": 0.2}, curve, 1.0)
    proposals.prune(pruned, stopped, None, stopped_at_epoch=1)
    assert trained_so_far(config, ledger) == "2 of 6 trials are trained (1 stopped early)"
    proposals.fail(proposals.propose(), "Traceback:\nKeyError: 'of a trial'")
    fields: dict[str, Any] = {"curve": [], "device_seconds": 1.0, "recipe_id": config.proxy_id}
    architecture = complete.architecture
    metrics = ledger.evaluations("search")[0].metrics
    ledger.add("repeats", architecture, seed=4, metrics=metrics, **fields)
    error = "Traceback:\nKeyError: 'of a repeat'"
    ledger.add("repeats", architecture, seed=5, metrics={}, error=error, **fields)
    status = read_status(run)
    assert status["repeats"] == 1
    assert status["errors"] == {
        "trial 2": "KeyError: 'of a trial'",
        "repeat 1": "KeyError: 'of a repeat'",
    }


def test_status_says_what_began_again_and_what_is_waited_for(
    config_of: ConfigOf, start: Start, propose_from: Callable[..., HandDriven]
) -> None:
    run, ledger = start(config_of())
    proposals = propose_from(config_of(), ledger)
    trial = proposals.propose()
    proposals.trials.pass_on(trial.number)
    for seconds in (61.0, 2.0):
        proposals.trials.start(trial.number)
        proposals.trials.lose_worker(trial.number, LostWorker("abc", "it died", seconds))
    waiting = Waiting()
    note = WaitingNote(run, waiting)

    def shown() -> str:
        printed = io.StringIO()
        show_status(Output(file=printed), str(run.path), run.path.parent)
        return printed.getvalue()

    with run.driving(), waiting.shown_by(note.update):
        assert "waiting" not in shown()
        with waiting.on("memory on node abc", 600):
            assert "waiting for memory on node abc, since " in shown()
        assert "waiting" not in shown()
    text = shown()
    assert "begun again: 2 trainings, 1m 03s lost (2 x it died)" in text
    assert read_status(run)["retries"] == {
        "trainings": 2,
        "lost_seconds": 63.0,
        "reasons": {"it died": 2},
    }


def test_why_a_search_ended_is_told_with_how_to_go_on(
    config_of: ConfigOf, start: Start, propose_from: Callable[..., HandDriven], runs: Path
) -> None:
    config = config_of(search={"n_trials": 6, "max_hours": 1.5})
    run, ledger = start(config)
    assert read_status(run)["ended"] is read_status(run)["expected_growth_an_hour"] is None
    assert read_status(run)["spent"]["hours"] is None  # no driver kept it
    propose_from(config, ledger).propose()
    now = datetime.now(UTC)
    session = Session(
        began=now,
        updated=now,
        wall_seconds=5000.0,
        workers=2,
        seconds={"waiting_start": 1000.0},
        trainings=2,
        running=1,
        running_seconds=9000.0,  # lost: the driver died
        expected_growth_an_hour=0.02,
    )
    ledger.study("search").set_user_attr(attribute_name(0), session.to_json())
    ending = Ending("search.max_hours", "search.max_hours=1.5 is reached", 5, 2)
    run.write_state(RunState(finished=True, trained=0, ended=ending))
    status = read_status(run)
    assert status["spent"] == {
        "hours": pytest.approx(5000 / 3600),
        "max_hours": 1.5,
        "device_hours": 2.5,
        "max_device_hours": None,
    }
    assert status["expected_growth_an_hour"] == 0.02
    assert status["ended"] == ending.to_json()
    assert status["trials"] == {"left": 1}
    printed = io.StringIO()
    show_status(Output(file=printed, width=400), run.name, runs)
    for line in (
        "time: 1h 23m of 1h 30m, of all trials' workers 2h 30m",
        "expected growth: 2 % of the hypervolume an hour",
        "ended early: search.max_hours=1.5 is reached; 5 trials and 2 repeats of the front left",
        "to go on, raise search.max_hours, and give the command with --resume",
        "0 of 6 trained (1 proposed, not trained to the end)",
    ):
        assert line in printed.getvalue()

    printed = io.StringIO()
    overrides = ["name=old", "search.max_hours=1.5", "seed=3"]
    report_ending(Output(file=printed, width=400), ending, Path("s.yaml"), overrides, config, runs)
    first, last = printed.getvalue().splitlines()
    assert first.startswith("the search ended with fewer trials than asked; search.max_hours=1.5 ")
    further = ["seed=3", "search.max_hours=3", f"name={config.name}", "--resume"]
    command = shlex.split(last.partition("for example: ")[2])
    assert command == ["nas", "search", "s.yaml", *further, "--runs", str(runs)]
    report_ending(Output(file=printed), None, Path("s.yaml"), overrides, config, runs)
    assert len(printed.getvalue().splitlines()) == 2


def test_a_job_that_ended_by_its_budget_is_submitted_again_with_more(
    config_of: ConfigOf, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(JOB, "first-1")
    ending = Ending("search.max_hours", "search.max_hours=1.5 is reached", 5, 2)
    config = config_of(search={"n_trials": 6, "max_hours": 1.5})
    printed = io.StringIO()
    report_ending(Output(file=printed, width=400), ending, Path("config.yaml"), [], config, runs)
    assert printed.getvalue().splitlines()[1] == (
        "to go on, raise search.max_hours, and submit it again, for example with search.max_hours=3"
    )


@pytest.mark.parametrize(
    ("ended", "said"),
    [(3, "ended: "), ({"by": 1}, r"ended\.by: "), ({"why": "x"}, r"ended\.by: ")],
)
def test_a_damaged_ending_is_one_error(
    config_of: ConfigOf, start: Start, ended: object, said: str
) -> None:
    run, _ = start(config_of())
    run.write_json("state.json", {"finished": True, "ended": ended})
    with pytest.raises(RunError, match=rf"state\.json cannot be read: {said}"):
        read_status(run)


@pytest.mark.parametrize("key", ["max_hours", "max_device_hours", "stop_below"])
def test_a_resumed_search_may_have_another_end(config_of: ConfigOf, start: Start, key: str) -> None:
    config = config_of(sampler={"name": "default"})
    run, _ = start(config)
    check_same_search(run, config.replace(search=config.search.replace(**{key: 2.0})))


@pytest.mark.parametrize("runs", ["runs", "a [x]", "r[/x]", "it's", "$HOME `x`"])
def test_the_command_that_continues_can_be_pasted(config_of: ConfigOf, runs: str) -> None:
    overrides = [
        "name=old",
        "objectives=[val_accuracy,macs]",
        "data.path=a [b]/c",
        "proxy.epochs=3",
    ]
    config = config_of(name="first-2")
    file = Path("my [red] search.yaml")
    printed = io.StringIO()
    command = resume_command(file, overrides, config, Path(runs))
    Output(file=printed, width=40).say(f"stopped; continue with: {command}")
    pasted = shlex.split(printed.getvalue().rpartition("continue with: ")[2])
    assert pasted == [
        *("nas", "search", str(file), *overrides[1:], "name=first-2", "--resume", "--runs", runs)
    ]


def test_trials_of_an_interrupted_run_do_not_run(
    config_of: ConfigOf, start: Start, propose_from: Callable[..., HandDriven], runs: Path
) -> None:
    run, ledger = start(config_of())
    propose_from(run.config(), ledger).propose()
    with run.driving():
        status = read_status(run)
        assert (status["state"], status["trials"]) == ("running", {"running": 1})
    status = read_status(run)
    assert (status["state"], status["trials"]) == ("interrupted", {"interrupted": 1})
    printed = io.StringIO()
    show_status(Output(file=printed), run.name, runs)
    assert "first is interrupted" in printed.getvalue()
    assert "0 of 6 trained (1 running when it was interrupted)" in printed.getvalue()


def test_a_search_stopped_as_its_front_is_drawn_says_what_shows_it(
    config_of: ConfigOf, start: Start, runs: Path
) -> None:
    run, _ = start(config_of())
    file = io.StringIO()
    with pytest.raises(KeyboardInterrupt), saying_how_to_show(Output(file=file, width=400), run):
        raise KeyboardInterrupt
    said = file.getvalue()
    assert "the search is finished; show its front with: " in said
    assert shlex.split(said)[-4:] == ["frontier", run.name, "--runs", str(runs)]
