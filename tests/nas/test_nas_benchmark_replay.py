"""Replays on a table: what counts as an evaluation, and the simulated clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from nas.benchmark.replay import NOTHING_NEW_IN_A_ROW, Replay, replay
from nas.benchmark.specs import SpecError, build_halving, parse_spec, sampler_of
from nas.benchmark.table import BenchmarkTable, space_of_rows
from nas.halving import SuccessiveHalving
from nas.samplers import SAMPLERS


class Scripted(BaseSampler):
    """Proposes given values of ``x``, the last one for ever, and notes what it sees."""

    def __init__(self, table: BenchmarkTable, script: Sequence[str]) -> None:
        self.choices = table.space.parameters[0].choices
        self.script = script
        self.seen: list[str] = []
        self.trials: list[FrozenTrial] = []

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return {"x": CategoricalDistribution(self.choices)}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        self.trials = study.get_trials(deepcopy=False)[:-1]  # without the one that is asked for
        self.seen.append("".join(trial.state.name[0] for trial in self.trials))
        return {"x": self.script[min(trial.number, len(self.script) - 1)]}

    def sample_independent(self, *args: Any) -> Any:
        raise AssertionError("all that is asked for was proposed")


def table_of(seconds: Sequence[float], **more: Any) -> BenchmarkTable:
    """Rows a, b, c ... with worths 1, 2, 3 ... and costs 10, 20, 30 ..."""
    number = np.arange(1.0, len(seconds) + 1)
    rows = [(letter,) for letter in "abcdefgh"[: len(seconds)]]
    return BenchmarkTable(
        "letters",
        rows=rows,
        space=space_of_rows("letters", ["x"], rows),
        maximised=number,
        minimised=10 * number,
        maximised_name="worth",
        minimised_name="cost",
        seconds=np.array(seconds),
        **more,
    )


def ends(table: BenchmarkTable, done: Replay) -> list[tuple[str, float]]:
    return [(str(table.rows[ended.row][0]), ended.seconds) for ended in done.ended]


def test_one_worker_counts_each_architecture_once() -> None:
    table = table_of([1, 2, 3])
    sampler = Scripted(table, "aabac")
    done = replay(table, lambda number: sampler, budget=3)
    assert ends(table, done) == [("a", 1), ("b", 3), ("c", 6)]
    assert (done.proposals, done.ended_early) == (5, "")
    assert sampler.seen == ["", "C", "CC", "CCC", "CCCC"]  # repeated ones are answered too
    assert [trial.values for trial in sampler.trials] == [[1, 10], [1, 10], [2, 20], [1, 10]]


def test_two_workers_see_what_has_ended() -> None:
    """a runs from 0 to 4, b from 0 to 1, c from 1 to 3; a again waits for the first; d from 3."""
    table = table_of([4, 1, 2, 10])
    sampler = Scripted(table, "abcad")
    done = replay(table, lambda number: sampler, budget=4, workers=2)
    assert ends(table, done) == [("b", 1), ("c", 3), ("a", 4), ("d", 13)]
    assert sampler.seen == ["", "R", "RC", "RCC", "RCCR"]


def test_all_that_ends_at_one_time_is_seen_by_the_next_proposal() -> None:
    table = table_of([2, 2, 1, 1])
    sampler = Scripted(table, "abcd")
    done = replay(table, lambda number: sampler, budget=4, workers=2)
    assert ends(table, done) == [("a", 2), ("b", 2), ("c", 3), ("d", 3)]
    assert sampler.seen == ["", "R", "CC", "CCR"]


def test_a_repeat_of_what_still_runs_is_told_when_it_ends() -> None:
    table = table_of([5, 1, 1])
    sampler = Scripted(table, "aabc")
    done = replay(table, lambda number: sampler, budget=3, workers=2)
    assert ends(table, done) == [("b", 1), ("c", 2), ("a", 5)]
    assert sampler.seen == ["", "R", "RR", "RRC"]


def test_a_sampler_with_nothing_new_is_given_up() -> None:
    table = table_of([1, 1, 1])
    sampler = Scripted(table, "ab")
    done = replay(table, lambda number: sampler, budget=3)
    assert done.ended_early == "nothing new in 1,000 proposals"
    assert (len(done.ended), done.proposals) == (2, 2 + NOTHING_NEW_IN_A_ROW)


def test_choices_without_a_row_are_failed_trials() -> None:
    rows = [("0", "0"), ("0", "1"), ("1", "0")]
    table = BenchmarkTable(
        "corner",
        rows=rows,
        space=space_of_rows("corner", ["x", "y"], rows),
        maximised=np.array([1, 2, 3]),
        minimised=np.array([3, 4, 5]),
        maximised_name="worth",
        minimised_name="cost",
    )
    done = replay(table, sampler_of(parse_spec("nsga2"), table, seed=0), budget=3)
    assert sorted(ended.row for ended in done.ended) == [0, 1, 2]
    assert [ended.seconds for ended in done.ended][-1] == 3 * 3600  # an hour on average


CURVES = np.array([[0.5, 1], [0.4, 2], [0.6, 3], [0.3, 4]])


def test_what_is_stopped_at_a_rung_is_pruned_with_its_curve() -> None:
    """The rung is after the first of two epochs. a is the first there and goes on; b is worse and
    costs more; c is better; d is worse than all."""
    table = table_of([2, 2, 2, 2], epochs=[1, 2], curves=CURVES)
    sampler = Scripted(table, "abcbd")
    done = replay(
        table, lambda number: sampler, budget=4, halving=SuccessiveHalving([1], reduction_factor=2)
    )
    assert ends(table, done) == [("a", 2), ("b", 3), ("c", 5), ("d", 6)]
    assert [ended.is_complete for ended in done.ended] == [True, False, True, False]
    assert [ended.epochs for ended in done.ended] == [2, 1, 2, 1]
    assert sampler.seen[-1] == "CPCP"  # b is answered again with what became of it
    assert [trial.values for trial in sampler.trials] == [[1, 10], None, [3, 30], None]
    assert sampler.trials[1].intermediate_values == {1: 0.4}
    assert sampler.trials[2].intermediate_values == {1: 0.6, 2: 3}


SOON_GUIDED = {
    "default": ":initial_trials=3",
    "pareto_local_search": ":initial_trials=3",
    "aging_evolution": ":population_size=3:tournament_size=2",
    "nsga2": ":population_size=4",
    "tpe": ":n_startup_trials=3",
}


@pytest.mark.parametrize("scheduler", ["none", "asha"])
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_seed_gives_the_same_evaluations(name: str, scheduler: str) -> None:
    digits = [tuple(f"{number:04b}") for number in range(16)]
    table = BenchmarkTable(
        "bits",
        rows=digits,
        space=space_of_rows("bits", ["first", "second", "third", "fourth"], digits),
        maximised=np.arange(16),
        minimised=np.arange(16, 0, -1),
        maximised_name="worth",
        minimised_name="cost",
        epochs=[1, 2],
        curves=np.arange(32).reshape(16, 2),
    )

    def rows(seed: int) -> list[int]:
        sampler = sampler_of(parse_spec(name + SOON_GUIDED.get(name, "")), table, seed=seed)
        halving = build_halving(parse_spec(scheduler), table)
        done = replay(table, sampler, budget=10, workers=2, halving=halving)
        assert all(ended.is_complete for ended in done.ended) == (scheduler == "none")
        return [ended.row for ended in done.ended]

    assert rows(3) == rows(3)
    assert len(set(rows(3))) == 10
    assert rows(3) != rows(4)


def test_the_rungs_of_a_table() -> None:
    table = table_of([1, 1], epochs=[2, 4, 6, 12, 18], curves=np.ones((2, 5)))
    assert build_halving(parse_spec("none"), table) is None
    by_default = build_halving(parse_spec("asha"), table)
    assert by_default is not None
    assert by_default.rungs.epochs == (2, 6)
    chosen = build_halving(parse_spec("asha:min_epochs=6:reduction_factor=2"), table)
    assert chosen is not None
    assert (chosen.rungs.epochs, chosen.rungs.reduction_factor) == ((6, 12), 2)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("hyperband", "a scheduler is none or asha, got 'hyperband'"),
        ("none:min_epochs=2", "none has no option 'min_epochs'; known: none"),
        ("asha:eta=3", "asha has no option 'eta'; known: min_epochs, reduction_factor"),
        ("asha:reduction_factor=2", "rungs must be evaluated epochs before the last, got 2, 4, 8"),
        ("asha:min_epochs=12", "rungs must be evaluated epochs before the last, got none"),
        ("asha:reduction_factor=1", "reduction_factor at least 2, got"),
        ("asha:min_epochs=[]", "not supported between instances"),
    ],
)
def test_a_scheduler_that_cannot_be(spec: str, message: str) -> None:
    table = table_of([1, 1], epochs=[2, 4, 6, 12], curves=np.ones((2, 4)))
    with pytest.raises(SpecError) as caught:
        build_halving(parse_spec(spec), table)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nsga2:population_size", "an option must be NAME=VALUE, got 'population_size'"),
        ("nsga2:a=1:a=2", "a is given twice"),
        ("nsga2:a=[", "a: cannot be read: '['"),
        (":a=1", "a name must come first"),
    ],
)
def test_a_spec_that_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(text)
    assert str(caught.value) == f"{text!r}: {message}"
