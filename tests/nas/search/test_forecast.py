"""The forecast of a search's time, and its correction."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nas.search.status
from nas.config.search_config import SearchConfig
from nas.evaluation.evaluate import EvaluationResult
from nas.search.forecast import Forecast
from nas.search.job import Job
from nas.search.loop import Search
from nas.storage.ledger import Ledger
from search_space.architecture import Task
from tests.hand_driven import drive, problem_from

FORECAST = Forecast(trials=10, repeats=4, training_seconds=20.0, workers=2)


def test_the_first_estimate_is_all_trainings_on_all_workers() -> None:
    assert FORECAST.device_seconds == 280
    assert FORECAST.wall_seconds == 140
    assert FORECAST.remaining_seconds(0, 14, 0.0) == FORECAST.wall_seconds


@given(st.floats(1, 1000), st.floats(0.1, 100))
def test_the_pace_takes_over_as_trainings_end(seconds_each: float, left: float) -> None:
    """After many trainings, only their own pace counts; in between, neither bound is left."""
    expected = left * FORECAST.training_seconds / FORECAST.workers
    measured = left * seconds_each
    for done in (1, 5, 1000):
        remaining = FORECAST.remaining_seconds(done, left, done * seconds_each)
        low, high = sorted((expected, measured))
        assert low * (1 - 1e-9) <= remaining <= high * (1 + 1e-9)
    assert remaining == pytest.approx(measured, abs=abs(expected - measured) / 500 + 1e-9)


def test_a_search_shows_the_time_left_from_its_first_moment(
    config_of: Callable[..., SearchConfig],
    in_memory: Callable[[SearchConfig], Ledger],
    outcome: Callable[[Job], EvaluationResult],
    task: Task,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(nas.search.status.time, "monotonic", lambda: now[0])
    config = config_of(search={"n_trials": 10, "finalist_seeds": 2})
    search = Search(problem_from(config, task), in_memory(config), forecast=FORECAST)
    assert search.status().remaining_seconds == 140
    now[0] = 15.0
    assert search.status().remaining_seconds == 125

    def trained(job: Job) -> EvaluationResult:
        now[0] += 10  # at the expected pace
        return outcome(job)

    drive(search, trained, stop_after=5)
    status = search.status()
    assert status.phase == "search"
    pace, left = (15 + 5 * 10) / 5, 5 + 4
    assert status.remaining_seconds is not None
    assert 10 * left < status.remaining_seconds < pace * left
    now[0] += 1000  # nothing ends any more
    assert search.status().remaining_seconds == 0
