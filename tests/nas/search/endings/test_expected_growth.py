"""The growth expected of the next hour, and when it ends a search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.benchmark.replay import replay
from nas.benchmark.specs import parse_spec, sampler_of
from nas.benchmark.table import BenchmarkTable
from nas.search.endings.expected_growth import ESTIMATES, ExpectedGrowth, are_below, growth_text
from tests.nas.benchmark.invented_table import invented_table


class Clock:
    """Hours that the test moves on."""

    def __init__(self) -> None:
        self.hours = 0.0

    def __call__(self) -> float:
        return 3600 * self.hours


def test_the_growth_of_an_hour_is_that_of_a_trial_times_the_rate_of_trials() -> None:
    clock = Clock()
    growth = ExpectedGrowth(None, clock)
    growth.note_proposal(None)
    growth.note_proposal(0.1)  # no trial has ended: there is no rate
    assert growth.an_hour is None
    clock.hours = 0.5
    growth.note_end()
    growth.note_proposal(0.1)
    assert growth.an_hour == pytest.approx(0.2)
    clock.hours = 1.0
    growth.note_proposal(0.1)  # by the same results, and slower
    assert growth.an_hour == pytest.approx(0.2)
    for _ in range(3):
        growth.note_end()
    growth.note_proposal(0.02)
    assert growth.an_hour == pytest.approx(0.08)
    growth.note_proposal(None)
    assert [estimate.trials for estimate in growth.estimates] == [1, 4]


def test_the_rate_is_that_of_the_latest_trials() -> None:
    clock = Clock()
    growth = ExpectedGrowth(None, clock)
    growth.note_proposal(None)
    for hours in (10.0, *(10 + 0.1 * n for n in range(1, 21))):
        clock.hours = hours
        growth.note_end()
    assert growth.trials_an_hour == pytest.approx(10)


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 2)), max_size=30), st.floats(0.01, 1.5), st.data()
)
def test_a_search_ends_only_after_three_low_estimates_of_different_results(
    proposals: list[float | None], limit: float, data: st.DataObject
) -> None:
    clock = Clock()
    growth = ExpectedGrowth(limit, clock)
    estimates: dict[int, float] = {}  # the largest by number of results
    trials = 0
    for proposal in proposals:
        clock.hours += 1
        growth.note_proposal(proposal)
        if proposal is not None and growth.trials_an_hour is not None:
            an_hour = proposal * growth.trials_an_hour
            estimates[trials] = max(an_hour, estimates.get(trials, 0.0))
        last = list(estimates.values())[-ESTIMATES:]
        assert growth.is_over == (len(last) == ESTIMATES and max(last) < limit)
        if data.draw(st.booleans()):
            growth.note_end()
            trials += 1
    assert [each.an_hour for each in growth.estimates] == pytest.approx(list(estimates.values()))


@pytest.fixture(scope="module")
def table() -> BenchmarkTable:
    return invented_table()


@pytest.mark.parametrize("workers", [1, 3])
def test_a_search_ends_when_it_no_longer_pays_and_runs_on_what_it_has_begun(
    table: BenchmarkTable, workers: int
) -> None:
    def searched(stop_below: float | None) -> list[int]:
        sampler = sampler_of(parse_spec("default:initial_trials=6"), table, seed=1)
        done = replay(table, sampler, budget=40, workers=workers, stop_below=stop_below)
        assert ("search.stop_below is reached" in done.ended_early) == (len(done.ended) < 40)
        assert all(each.trials > 0 for each in done.growth)
        return [ended.row for ended in done.ended]

    sampler = sampler_of(parse_spec("default:initial_trials=6"), table, seed=1)
    estimates = replay(table, sampler, budget=40, workers=workers).growth
    whole = searched(None)
    limit = float(np.median([each.an_hour for each in estimates]))
    stopped = searched(limit)
    assert 6 + ESTIMATES <= len(stopped) < 40
    assert stopped == whole[: len(stopped)]
    first = next(n for n in range(len(estimates) + 1) if are_below(estimates[:n], limit))
    # The proposal of the last estimate is trained, and so is what runs beside it.
    assert estimates[first - 1].trials + 1 <= len(stopped) <= estimates[first - 1].trials + workers
    assert len(searched(1e9)) <= 6 + ESTIMATES + 1 + 2 * workers  # never before the first trials
    assert searched(1e-12) == whole


def test_a_growth_is_spelled_in_the_unit_of_the_objectives() -> None:
    two = ("val_accuracy", "params")
    assert growth_text(0.0213, two) == "2.1 % of the hypervolume an hour"
    assert growth_text(34.816, two) == "58 % of the hypervolume a minute"
    assert growth_text(348.16, two) == "580 % of the hypervolume a minute"
    assert growth_text(0.003, two[:1]) == "0.3 points of validation accuracy an hour"
    assert growth_text(0.25, ("latency_ms",)) == "0.25 ms an hour"
    assert growth_text(150, ("latency_ms",)) == "2.5 ms a minute"
