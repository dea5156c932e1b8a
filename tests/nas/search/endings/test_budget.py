"""Budgets on a simulated clock: a search ends within its hours, with the repeats of its front."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.benchmark.replay import RungSchedule, table_problem, trajectories
from nas.benchmark.simulated_executor import (
    SimulatedClock,
    SimulatedExecutor,
    SimulatedStates,
    Trajectory,
)
from nas.benchmark.specs import parse_spec, sampler_of
from nas.benchmark.table import BenchmarkTable
from nas.benchmark.table_records import TableRecords
from nas.config.sections import SchedulerSettings
from nas.errors import RunError
from nas.search.job import Job
from nas.search.loop import Search
from nas.search.records import Records
from nas.search.repeats import unfinished_round
from nas.search.time_account.spent_time import SpentTime
from nas.search.trial_state import TRAINED, State
from nas.storage.sessions import Session, attribute_name
from search_space.architecture import Architecture
from tests.end_to_end.table_trainings import table as digits

RUNGS = (2, 4)

Train = Callable[[Job], Trajectory]


@cache
def hours_table(spread: float = 0.0) -> BenchmarkTable:
    """The table that ships, where a training takes an hour, or up to ``spread`` more or less."""
    rows = digits()
    params = rows.minimised
    centred = (params - params.mean()) / abs(params - params.mean()).max()
    return BenchmarkTable(
        "hours",
        rows=rows.rows,
        space=rows.space,
        maximised=rows.maximised,
        minimised=rows.minimised,
        maximised_name=rows.maximised_name,
        minimised_name=rows.minimised_name,
        more_costs=rows.more_costs,
        seconds=3600 * (1 + spread * centred),
        epochs=rows.epochs,
        curves=rows.curves,
    )


class Driven:
    """A search on the simulated clock, that another driver may go on with."""

    def __init__(
        self, table: BenchmarkTable, *, workers: int, rule: str = "none", **search: Any
    ) -> None:
        self.table = table
        self.workers = workers
        schedule = None
        if rule != "none":
            chosen = SchedulerSettings(name="asha", type=rule, min_epochs=2, reduction_factor=2)
            schedule = RungSchedule(chosen, RUNGS)
        sampler = sampler_of(parse_spec("random"), table, seed=0)
        self.problem = table_problem(table, sampler, budget=60, workers=workers, schedule=schedule)
        self.set(**{"finalist_seeds": 3, "noise_candidates": 2, **search})
        self.records: Records = TableRecords(self.problem)
        self.clock = SimulatedClock()
        self.search = self._search()

    def set(self, **search: Any) -> None:
        self.problem = replace(self.problem, search=self.problem.search.replace(**search))

    def run(self, train: Train | None = None) -> Driven:
        """Run the search to its end; ``hours`` is how long this driver took."""
        self.search = self._search()
        began = self.clock.seconds
        executor = SimulatedExecutor(
            self.search, train or trajectories(self.table), workers=self.workers, clock=self.clock
        )
        executor.run()
        assert self.search.finished
        assert self.search.next_job() is None
        self.end_driver(began)
        self.hours = (self.clock.seconds - began) / 3600
        return self

    def end_driver(self, began: float) -> None:
        """Write the session of a driver, as an executor on real workers does."""
        ended = datetime.now(UTC)
        session = Session(
            began=ended,
            updated=ended,
            wall_seconds=self.clock.seconds - began,
            workers=self.workers,
            trainings=0,
            running=0,
            running_seconds=0.0,
            ended=True,
        )
        number = len(self.search.trials.attributes())
        self.search.trials.write_attribute(attribute_name(number), session.to_json())

    @property
    def spent(self) -> SpentTime:
        return self.search.spent

    @property
    def states(self) -> dict[State, int]:
        return {state: self.search.trials.count(state) for state in State}

    @property
    def repeats(self) -> int:
        return len(self.records.evaluations("repeats"))

    def _search(self) -> Search:
        return Search(
            self.problem,
            self.records,
            states=SimulatedStates(),
            concurrency=self.workers,
            clock=self.clock,
        )


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("key", ["max_hours", "max_device_hours"])
def test_a_budget_holds_the_trials_and_the_repeats_of_their_front(key: str, workers: int) -> None:
    hours = 60.0 if key == "max_device_hours" else 60 / workers
    driven = Driven(hours_table(), workers=workers, **{key: hours}).run()
    used = driven.spent.device_seconds / 3600 if key == "max_device_hours" else driven.hours
    assert 0.85 * hours <= used <= hours + 1e-9
    trained = driven.states[State.COMPLETE]
    assert trained < 60
    ending = driven.search.ending
    assert ending is not None
    assert (ending.by, ending.trials_left) == (f"search.{key}", 60 - trained)
    assert f"search.{key}={hours:g} is reached" in ending.why
    assert f"raise search.{key}" in ending.how_to_go_on
    # The first round of repeats is whole.
    rows = driven.records.evaluations("search")
    first = unfinished_round(driven.problem, rows, [])
    assert first.size >= 2 * 2
    assert driven.repeats >= first.size
    assert driven.spent.device_seconds == pytest.approx(3600 * (trained + driven.repeats))


def test_the_time_of_earlier_attempts_counts_and_more_of_it_goes_on() -> None:
    driven = Driven(hours_table(), workers=2, max_hours=20).run()
    assert driven.run().hours <= 5  # what was kept for later rounds of repeats
    assert driven.run().hours <= 1
    assert driven.clock.seconds <= 20 * 3600
    assert driven.search.ending is not None
    before = driven.states[State.COMPLETE]
    driven.set(max_hours=40)
    assert driven.run().hours > 15
    assert driven.clock.seconds <= 40 * 3600
    assert driven.states[State.COMPLETE] > before
    assert driven.spent.wall_seconds == pytest.approx(driven.clock.seconds)
    driven.set(max_hours=None)
    driven.run()
    assert driven.states[State.COMPLETE] == 60
    assert driven.search.ending is None


@pytest.mark.parametrize("rule", ["stopping", "promotion", "rung_by_rung"])
@pytest.mark.parametrize("key", ["max_hours", "max_device_hours"])
def test_with_rungs_some_trials_are_trained_to_the_end_and_the_others_wait(
    key: str, rule: str
) -> None:
    hours = 12.0 if key == "max_hours" else 36.0
    driven = Driven(hours_table(), workers=3, rule=rule, **{key: hours}).run()
    used = driven.spent.device_seconds / 3600 if key == "max_device_hours" else driven.hours
    assert used <= hours + 1e-9
    assert driven.states[State.COMPLETE] > 0
    assert driven.repeats > 0
    assert (driven.states[State.PAUSED] > 0) == (rule != "stopping")
    assert (driven.states[State.PRUNED] > 0) == (rule == "stopping")
    waiting = {trial.number for trial in driven.search.trials.of(State.PAUSED)}
    driven.set(**{key: None})
    driven.run()
    assert sum(driven.states[state] for state in TRAINED) == 60
    assert driven.states[State.PAUSED] == 0
    promoted = [
        trial
        for trial in driven.search.trials.of(State.COMPLETE, State.PRUNED)
        if trial.number in waiting and trial.epochs > RUNGS[0]
    ]
    assert bool(promoted) == bool(waiting)


def test_failed_and_lost_trials_take_their_time_from_the_budget() -> None:
    table = hours_table()
    whole = trajectories(table)

    def train(job: Job) -> Trajectory:
        failed = job.kind == "search" and job.number % 3
        return whole(job)._replace(error="it raised" if failed else None)

    driven = Driven(table, workers=2, max_device_hours=30).run(train)
    assert driven.states[State.FAILED] > driven.states[State.COMPLETE] > 0
    ended = driven.states[State.FAILED] + driven.states[State.COMPLETE] + driven.repeats
    assert driven.spent.device_seconds == pytest.approx(3600 * ended)
    assert driven.spent.device_seconds <= 3600 * 30

    driven = Driven(table, workers=1, max_device_hours=30)
    search = driven.search
    job = search.next_job()
    assert job is not None
    driven.clock.seconds = 7200.0
    search.lost(job, "node", "it died", counts=True, nodes=1)
    assert driven.spent.device_seconds == 7200


def test_a_trial_that_waits_when_the_time_is_over_is_left_for_a_driver_that_goes_on() -> None:
    driven = Driven(hours_table(), workers=1, max_hours=2)
    job = driven.search.next_job()
    assert job is not None
    driven.clock.seconds = 3 * 3600.0
    driven.search.lost(job, "node", "it died", counts=True, nodes=1)
    assert driven.search.next_job() is None
    assert driven.search.finished
    assert driven.search.status().phase == "repeats"
    driven.end_driver(0.0)
    driven.set(max_hours=12)
    driven.run()
    assert driven.search.trials.trial(job.number).state == State.COMPLETE


def test_before_any_training_has_ended_no_time_is_known_and_nothing_is_refused() -> None:
    driven = Driven(hours_table(), workers=4, max_hours=0.5).run()
    assert (driven.states[State.COMPLETE], driven.hours, driven.repeats) == (4, 1, 0)
    ending = driven.search.ending
    assert ending is not None
    assert ending.repeats_left > 0
    assert "search.max_hours=0.5 is reached: 1h 00m are spent" in ending.why


def test_a_deterministic_search_with_a_budget_is_the_beginning_of_the_longer_one() -> None:
    def proposed(**search: Any) -> list[Architecture]:
        table = hours_table(0.9)
        driven = Driven(table, workers=3, deterministic=True, **search)
        sampler = sampler_of(parse_spec("default:initial_trials=4"), table, seed=2)
        driven.problem = replace(driven.problem, build_sampler=lambda *_: sampler)
        driven.run()
        return [row.architecture for row in driven.records.evaluations("search")]

    whole = proposed(n_trials=24)
    shorter = proposed(n_trials=24, max_hours=8)
    assert 4 < len(shorter) < len(whole)
    assert shorter == whole[: len(shorter)]


@settings(max_examples=15, deadline=None)
@given(
    workers=st.integers(1, 6),
    spread=st.sampled_from([0.0, 0.5, 0.9]),
    hours=st.floats(0.5, 40),
    seeds=st.integers(1, 4),
    rule=st.sampled_from(["none", "stopping", "promotion", "rung_by_rung"]),
    key=st.sampled_from(["max_hours", "max_device_hours"]),
)
def test_no_search_takes_longer_than_its_budget_and_one_training_a_worker(
    workers: int, spread: float, hours: float, seeds: int, rule: str, key: str
) -> None:
    limits = {key: hours, "finalist_seeds": seeds}
    driven = Driven(hours_table(spread), workers=workers, rule=rule, **limits).run()
    longest = 1 + spread
    if key == "max_hours":
        assert driven.hours <= hours + longest
    else:
        assert driven.spent.device_seconds / 3600 <= hours + workers * longest
    assert driven.states[State.RUNNING] == 0
    ending = driven.search.ending
    trained = sum(driven.states[state] for state in TRAINED)
    assert (ending is None) == (
        trained == 60
        and not unfinished_round(
            driven.problem,
            driven.records.evaluations("search"),
            driven.records.evaluations("repeats"),
        ).left
    )


def test_a_damaged_session_is_one_error() -> None:
    driven = Driven(hours_table(), workers=1)
    driven.search.trials.write_attribute(attribute_name(0), {"wall_seconds": -1.0})
    with pytest.raises(RunError, match=r"a session in the ledger is damaged: "):
        driven._search()
