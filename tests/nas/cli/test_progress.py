"""The progress display, even if reading the progress is slow."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

import nas.cli.progress
from nas.cli.commands.train.retrain_display import RetrainDisplay
from nas.cli.output import Output
from nas.cli.progress import (
    LOG_EVERY_SECONDS,
    MOST_TIME_SPENT,
    LineDisplay,
    ProgressDisplay,
    describe,
)
from nas.evaluation.full_training import TrainingProgress
from nas.evaluation.pace import Pace
from nas.ray.retrain import RetrainProgress
from nas.search.status import Status
from nas.search.waiting import Waiting
from nas.storage.networks.large_files import LargeFiles
from nas.storage.networks.retraining import Retraining
from search_space.space import SearchSpace
from trainers import Recipe

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"

BEGUN = Status(
    phase="search",
    trained=0,
    wanted=48,
    repeats_done=0,
    repeats_wanted=0,
    repeats_round=0,
    round_size=0,
    running=2,
    furthest_epoch=0,
    epochs=20,
    failed=0,
    paused=0,
    stopped_early=0,
    rejected=0,
    best=None,
    device_hours=0.0,
    elapsed_seconds=4.0,
    remaining_seconds=None,
)


@pytest.mark.parametrize("cost_seconds", [0.0, 0.1, 30.0])
def test_showing_takes_a_small_share_of_the_time(
    monkeypatch: pytest.MonkeyPatch, cost_seconds: float
) -> None:
    clock = [0.0]
    shown = []

    def line() -> str:
        clock[0] += cost_seconds
        shown.append(clock[0])
        return f"{len(shown)} shown"

    monkeypatch.setattr(nas.cli.progress.time, "monotonic", lambda: clock[0])
    display = LineDisplay(Output(file=io.StringIO()), line)
    while clock[0] < 10_000:
        display.update()
        clock[0] += 0.5
    spent = len(shown) * cost_seconds
    assert spent <= MOST_TIME_SPENT * 10_000 + cost_seconds
    if spent < MOST_TIME_SPENT * 9_000:  # then it is shown as often as it should be
        assert len(shown) == pytest.approx(10_000 / LOG_EVERY_SECONDS, rel=0.1)


def test_the_first_seconds_of_a_search_are_told() -> None:
    assert "| workers start |" in describe(BEGUN)
    assert "| the first at epoch 3/20 |" in describe(BEGUN._replace(furthest_epoch=3))
    later = describe(BEGUN._replace(furthest_epoch=20, trained=1))
    assert "workers" not in later
    assert "epoch" not in later


def test_the_expected_growth_is_shown_while_there_are_trials() -> None:
    growing = BEGUN._replace(growth="2.1 % of the hypervolume an hour")
    assert "| expected growth 2.1 % of the hypervolume an hour |" in describe(growing)
    assert "growth" not in describe(growing._replace(phase="repeats"))
    assert "growth" not in describe(BEGUN)


def test_a_round_of_repeats_is_told_once_and_why() -> None:
    printed = io.StringIO()
    statuses = [
        BEGUN,
        *[
            BEGUN._replace(
                trained=48, phase="repeats", repeats_round=1, round_size=22, repeats_wanted=22
            )
        ]
        * 2,
        BEGUN._replace(
            trained=48,
            phase="repeats",
            repeats_round=2,
            round_size=6,
            repeats_done=23,
            repeats_wanted=28,
        ),
    ]
    status = iter(statuses)
    for number, shown in enumerate(statuses):
        assert ("repeats" in describe(shown)) == (number > 0)
    display = ProgressDisplay(Output(file=printed), lambda: next(status))
    for _ in range(3):
        display.__exit__(None, None, None)  # it shows where it is
    assert printed.getvalue().count("22 repeats: the front and a random sample") == 1
    display.__exit__(None, None, None)
    assert "round 2 of the repeats: 6 more, for architectures that are new" in printed.getvalue()
    assert "repeats of the front 23/28 (round 2)" in printed.getvalue()


def test_a_round_with_nothing_left_is_not_announced() -> None:
    printed = io.StringIO()
    done = {"repeats_round": 1, "round_size": 6, "repeats_done": 6, "repeats_wanted": 6}
    status = BEGUN._replace(trained=48, phase="repeats", **done)
    with ProgressDisplay(Output(file=printed), lambda: status):
        pass
    assert "trained again" not in printed.getvalue()
    assert "repeats of the front 6/6" in printed.getvalue()


def test_what_ends_a_search_is_not_hidden_by_its_display(monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal gets its cursor back, and the first error is the one that is raised."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")

    def lost() -> str:
        raise OSError("the ledger is gone")

    printed = io.StringIO()
    with pytest.raises(KeyboardInterrupt), LineDisplay(Output(file=printed), lost):
        raise KeyboardInterrupt
    with pytest.raises(OSError, match="gone"), LineDisplay(Output(file=printed), lost):
        pass
    assert printed.getvalue().count(HIDE_CURSOR) == printed.getvalue().count(SHOW_CURSOR) == 2


RECIPE = Recipe(epochs=30, batch_size=8, learning_rate=0.1)


def reached(epoch: int) -> TrainingProgress:
    return TrainingProgress(epoch, 0.5, None, Pace(epoch, 1234.5, 0.25, 90))


def test_full_trainings_fit_the_terminal_and_leave_the_line_at_their_end(
    small_space: SearchSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(nas.cli.progress.time, "monotonic", lambda: clock[0])
    printed = io.StringIO()
    nowhere = Path("none")
    trainings = [
        Retraining(architecture, 0, 1, RECIPE, "recipe", nowhere, LargeFiles(nowhere))
        for architecture in list(small_space.architectures())[:8]
    ]
    waiting = Waiting()
    output = Output(file=printed, width=100)
    with RetrainDisplay(output, wanted=8, waiting=waiting) as display:
        for training in trainings:
            display.note(RetrainProgress(training, "running", reached(2), 0.5))
            clock[0] += LOG_EVERY_SECONDS
        with waiting.on("memory", 60.0), waiting.shown_by(display.update):
            waiting.sleep(0.0)
            display.update()
        clock[0] += LOG_EVERY_SECONDS
        display.note(RetrainProgress(trainings[0], "finished", val_accuracy=0.969))
        display.note(RetrainProgress(trainings[1], "failed"))
    lines = printed.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    names = [training.architecture.arch_id for training in trainings]
    assert lines[0] == f"full trainings 0/8 | {names[0]} (training 0) epoch 2/30, validation 50.0%"
    ends = [line for line in lines if not line.startswith("full trainings")]
    wide = Output(file=io.StringIO(), width=140)
    with RetrainDisplay(wide, wanted=1, waiting=waiting) as display:
        display.note(RetrainProgress(trainings[0], "running", reached(2), 0.5))
        assert display._line_now().endswith(
            "epoch 2/30, validation 50.0%, 1,234 images/s, 25% waiting for data, 1m 30s left"
        )
    assert ends == [
        f"{names[0]} (training 0) finished, validation 96.9%",
        f"{names[1]} (training 0) failed",
    ]
    assert any(line.startswith("full trainings 0/8 | waiting for memory, ") for line in lines)
    assert lines[-1].startswith("full trainings 2/8 | ")
    assert "waiting" not in lines[-1]
    assert names[0] not in lines[-1]
    assert names[1] not in lines[-1]
    assert lines[-1].endswith(" more")
