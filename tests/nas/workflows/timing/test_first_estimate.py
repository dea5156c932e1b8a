"""The first estimate of a search's time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

import nas.workflows.timing.first_estimate
from nas.config.search_config import SearchConfig
from nas.search.forecast import Forecast
from nas.storage.ledger import Ledger
from nas.workflows.timing.device_hours import FRONT_ASSUMED
from nas.workflows.timing.first_estimate import first_forecast, little_timing
from search_space.architecture import Task
from tests.hand_driven import HandDriven, costs_from

ConfigOf = Callable[..., SearchConfig]


def test_a_few_steps_give_the_seconds_of_a_training(config_of: ConfigOf, task: Task) -> None:
    config = config_of()
    seconds = little_timing(config, costs_from(config, task))
    assert isinstance(seconds, float)
    assert seconds > 0
    nothing = config_of(limits={"params": 1})
    reason = little_timing(nothing, costs_from(nothing, task))
    assert "architectures fits the limits" in str(reason)


def test_an_error_of_the_timed_network_is_told_and_stops_no_search(
    config_of: ConfigOf, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raising(*args: object) -> None:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(nas.workflows.timing.first_estimate, "device_hours", raising)
    config = config_of()
    told = little_timing(config, costs_from(config, task))
    assert told == "the timed network raised RuntimeError: shapes differ"


def test_it_counts_trials_and_repeats(config_of: ConfigOf) -> None:
    config = config_of(search={"n_trials": 30, "finalist_seeds": 3, "noise_candidates": 2})
    forecast = first_forecast(config, 10**6, [], lambda: 5.0, 4)
    assert forecast == Forecast(30, 2 * (FRONT_ASSUMED + 2), 5.0, 4)
    small = first_forecast(config, 8, [], lambda: 5.0, 4)
    assert small == Forecast(8, 2 * 8, 5.0, 4)
    assert first_forecast(config, 8, [], lambda: "no GPU", 4) == "no GPU"


def test_what_was_trained_before_is_the_measure_of_a_resumed_search(
    config_of: ConfigOf,
    in_memory: Callable[[SearchConfig], Ledger],
    propose_from: Callable[..., HandDriven],
    finish: Callable[..., None],
) -> None:
    config = config_of()
    ledger = in_memory(config)
    proposals = propose_from(config, ledger)
    finish(proposals, proposals.propose())
    (row,) = ledger.evaluations()
    rows = [row, replace(row, seconds={"training": 4.0, "loading": 0.5, "waiting_driver": 9.0})]

    def never() -> float:
        raise AssertionError("nothing needs to be timed")

    forecast = first_forecast(config, 100, rows, never, 1)
    assert isinstance(forecast, Forecast)
    assert forecast.training_seconds == (row.device_seconds + 4.5) / 2
