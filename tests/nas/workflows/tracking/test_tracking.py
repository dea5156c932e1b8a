"""Trackers are told of every trial by its number, once a state, and never break a search."""

from __future__ import annotations

import json
import logging
import re
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from nas.config.tracking import check_trackers
from nas.errors import CommandError
from nas.storage.evaluation import Evaluation, Kind
from nas.workflows.tracking.follower import Follower
from nas.workflows.tracking.tensorboard import TensorBoard
from nas.workflows.tracking.tracker import make_trackers, tracker_kinds
from tests.analysis.invented import evaluation
from tests.nas.workflows.tracking.event_values import scalars_in

CURVE = [
    {"epoch": 1, "val_accuracy": 0.5, "train_accuracy": 0.4, "lr": 0.1},
    {"epoch": 2, "val_accuracy": None, "train_accuracy": 0.6, "lr": 0.05},
    {"epoch": 3, "val_accuracy": 0.75, "train_accuracy": 0.7, "lr": 0.0},
]
RUNNING = replace(evaluation(0, None), state="running")
PAUSED = replace(RUNNING, state="paused", curve=CURVE[:1])
COMPLETE = evaluation(0, 0.75, curve=CURVE)


class Ledger:
    def __init__(self, *rows: Evaluation) -> None:
        self.rows = list(rows)

    def evaluations(self, kind: Kind) -> list[Evaluation]:
        return [row for row in self.rows if row.kind == kind]


class Notes:
    def __init__(self) -> None:
        self.states: list[tuple[str, int, str]] = []
        self.is_closed = False

    def note(self, trial: Evaluation) -> None:
        self.states.append((trial.kind, trial.number, trial.state))

    def close(self) -> None:
        self.is_closed = True


def test_every_state_is_told_once_and_the_last_one_at_the_end() -> None:
    ledger, notes, seconds = Ledger(RUNNING), Notes(), [0.0]
    with Follower(ledger, {"notes": notes}, clock=lambda: seconds[0]) as follower:
        follower.update()
        ledger.rows = [PAUSED]
        follower.update()  # too early to look again
        assert len(notes.states) == 1
        for _ in range(3):
            seconds[0] += 2
            follower.update()
        ledger.rows = [COMPLETE, replace(COMPLETE, kind="repeats")]
    assert notes.states == [
        ("search", 0, "running"),
        ("search", 0, "paused"),
        ("search", 0, "complete"),
        ("repeats", 0, "complete"),
    ]
    assert notes.is_closed


def test_a_tracker_that_raises_is_left_out_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Notes):
        def note(self, trial: Evaluation) -> None:
            raise OSError("the server is away")

    notes = Notes()
    trackers = {"mine:Broken": Broken(), "notes": notes}
    with caplog.at_level(logging.WARNING), Follower(Ledger(RUNNING, COMPLETE), trackers):
        pass
    assert [state for *_, state in notes.states] == ["running", "complete"]
    (record,) = caplog.records
    assert "mine:Broken is told nothing more: OSError: the server is away" in record.getMessage()


def test_tensorboard_has_each_trial_in_a_folder_however_often_it_is_told(tmp_path: Path) -> None:
    for _ in range(2):  # a search that was interrupted tells of all trials again
        board = TensorBoard(tmp_path)
        for row in (RUNNING, PAUSED, COMPLETE):
            board.note(row)
        board.close()
    (folder,) = (tmp_path / "tensorboard").iterdir()
    assert folder.name == "search-00000"
    assert len(list(folder.glob("*.complete-3"))) == 1
    values = scalars_in(folder)
    assert values["curve/val_accuracy"] == {1: 0.5, 3: 0.75}
    assert values["result/val_accuracy"] == {3: 0.75}


def test_a_tracker_of_ones_own_is_a_class_of_two_methods(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
    class Mine:
        def __init__(self, folder):
            self.file = folder / "mine.txt"

        def note(self, trial):
            with self.file.open("a") as file:
                file.write(f"{trial.number} {trial.state}\\n")

        def close(self):
            pass

    class Half:
        def note(self, trial):
            pass

    class Refuses(Mine):
        def __init__(self, folder):
            raise RuntimeError("no key")
    """
    (tmp_path / "my_trackers.py").write_text(textwrap.dedent(source))
    monkeypatch.chdir(tmp_path)
    trackers = make_trackers(tracker_kinds(["my_trackers:Mine"]), tmp_path)
    with Follower(Ledger(COMPLETE), trackers):
        pass
    assert (tmp_path / "mine.txt").read_text() == "0 complete\n"
    with pytest.raises(CommandError, match="my_trackers:Half must have the method close"):
        tracker_kinds(["my_trackers:Half"])
    with pytest.raises(CommandError, match="the module 'my_trackers' has no class 'Other'"):
        tracker_kinds(["my_trackers:Other"])
    with pytest.raises(CommandError, match="No module named 'nowhere'"):
        tracker_kinds(["nowhere:Mine"])
    with pytest.raises(CommandError, match="cannot be made: RuntimeError: no key"):
        make_trackers(tracker_kinds(["my_trackers:Refuses"]), tmp_path)


def test_names_of_trackers_are_checked() -> None:
    assert check_trackers(("tensorboard", "a.b:C")) == ("tensorboard", "a.b:C")
    with pytest.raises(ValueError, match="got 'tensorbord'; did you mean 'tensorboard'"):
        check_trackers(("tensorbord",))
    with pytest.raises(ValueError, match="each tracker once, got 'tensorboard' twice"):
        check_trackers(("tensorboard", "tensorboard"))


def test_the_tracker_of_the_documentation_knows_what_it_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[4] / "docs" / "report.md").read_text()
    (source,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "documented.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    for _ in range(2):  # a search that was interrupted tells of all trials again
        trackers = make_trackers(tracker_kinds(["documented:Curves"]), tmp_path)
        with Follower(Ledger(COMPLETE, replace(COMPLETE, number=1)), trackers):
            pass
    lines = (tmp_path / "curves.jsonl").read_text().splitlines()
    assert [json.loads(line)["trial"] for line in lines] == [["search", 0], ["search", 1]]
