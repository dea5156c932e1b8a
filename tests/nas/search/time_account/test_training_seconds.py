"""The expected time of a training, by those that have ended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from nas.evaluation.evaluate import EvaluationResult
from nas.search.job import Job
from nas.search.time_account.training_seconds import TrainingSeconds


def seconds_of(*rows: Any, workers: int = 1, epochs: int = 10) -> TrainingSeconds:
    problem: Any = SimpleNamespace(epochs=epochs)
    return TrainingSeconds(problem, rows, workers)


def row(architecture: str, seconds: float, epochs: int) -> Any:
    return SimpleNamespace(architecture=architecture, device_seconds=seconds, epochs=epochs)


def result(seconds: float, epochs: int) -> EvaluationResult:
    curve = [{"epoch": epoch, "val_accuracy": 0.5} for epoch in range(1, epochs + 1)]
    return EvaluationResult({}, curve, seconds)


def test_nothing_is_known_before_a_training_has_ended() -> None:
    seconds = seconds_of(row("a", 0.0, 0))  # it failed
    assert seconds.whole() is seconds.whole("a") is None
    seconds.note(Job("search", 0, "a", 0), result(20.0, 10), 20.0)
    assert (seconds.whole(), seconds.whole("a"), seconds.whole("b")) == (20, 20, 20)


def test_it_is_that_of_the_same_architecture_or_the_mean_of_all() -> None:
    seconds = seconds_of(row("a", 40.0, 10), row("a", 60.0, 10), row("b", 5.0, 5))
    assert seconds.whole("a") == 50
    assert seconds.whole("b") == 10  # half of it took 5
    assert seconds.whole() == pytest.approx(105 / 2.5)


def test_the_parts_of_a_training_that_paused_count_once() -> None:
    seconds = seconds_of()
    seconds.note(Job("search", 0, "a", 0, pause_at=2), result(8.0, 2), 8.0)
    assert seconds.whole("a") == 40
    seconds.note(Job("search", 0, "a", 0, from_epoch=2), result(40.0, 10), 32.0)
    assert seconds.whole("a") == seconds.whole() == 40


def test_a_workers_time_beside_training_counts_when_each_has_started() -> None:
    seconds = seconds_of(workers=2)
    for number in range(9):
        started = 100.0 if number < 2 else 0.0  # with the worker
        expected = None if not number else 20 if number <= 4 else 25
        assert seconds.whole() == (expected if expected is None else pytest.approx(expected))
        seconds.note(Job("search", number, "a", 0), result(20.0, 10), 25.0 + started)


def test_a_table_without_epochs_has_whole_trainings() -> None:
    seconds = seconds_of(epochs=0)
    seconds.note(Job("search", 0, "a", 0), EvaluationResult({}, [], 7.0), 7.0)
    assert seconds.whole() == 7
