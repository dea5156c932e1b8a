"""Replays on a table: the count of evaluations, and the simulated clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from nas.benchmark.replay import Replay, RungSchedule, replay
from nas.benchmark.specs import SpecError, build_schedule, parse_spec, sampler_of
from nas.benchmark.table import BenchmarkTable, space_of_rows
from nas.config.sections import SchedulerSettings
from nas.costs.limits import REJECTIONS_IN_A_ROW
from nas.samplers import SAMPLERS
from nas.samplers.architecture_sampler import ArchitectureSampler
from nas.samplers.choice_space import Candidate
from nas.samplers.trials import PAUSED_AT, PrunedTrial, Results
from nas.schedulers.promotion import expected_epochs


class Scripted(BaseSampler):
    """Propose given values of ``x``, the last one for ever, and record the results that it sees."""

    def __init__(self, table: BenchmarkTable, script: Sequence[str]) -> None:
        self.choices = table.space.parameters[0].choices
        self.script = script
        self.seen: list[str] = []
        self.trials: list[FrozenTrial] = []
        self.study: Study | None = None

    @property
    def all_trials(self) -> list[FrozenTrial]:
        """Return the trials as they are now."""
        assert self.study is not None
        return self.study.get_trials()

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return {"x": CategoricalDistribution(self.choices)}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        self.study = study
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


def schedule(kind: str, rungs: Sequence[int], factor: float) -> RungSchedule:
    settings = SchedulerSettings(
        name="asha", type=kind, spacing="even", min_epochs=rungs[0], reduction_factor=factor
    )
    return RungSchedule(settings, tuple(rungs))


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
    assert done.ended_early == "nothing new in 200 proposals"
    assert (len(done.ended), done.proposals) == (2, 2 + REJECTIONS_IN_A_ROW)


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
    """The rung is after the first of two epochs. a is the first there and continues; b is worse and
    costs more; c is better; d is worse than all."""
    table = table_of([2, 2, 2, 2], epochs=[1, 2], curves=CURVES)
    sampler = Scripted(table, "abcbd")
    rungs = schedule("stopping", [1], 2)
    done = replay(table, lambda number: sampler, budget=4, schedule=rungs)
    assert ends(table, done) == [("a", 2), ("b", 3), ("c", 5), ("d", 6)]
    assert [ended.is_complete for ended in done.ended] == [True, False, True, False]
    assert [ended.epochs for ended in done.ended] == [2, 1, 2, 1]
    assert sampler.seen[-1] == "CPCP"  # b is answered again with what became of it
    assert [trial.values for trial in sampler.trials] == [[1, 10], None, [3, 30], None]
    assert sampler.trials[1].intermediate_values == {1: 0.4}
    assert sampler.trials[2].intermediate_values == {1: 0.6, 2: 3}


def test_what_waits_goes_on_later_and_the_rest_is_pruned_with_its_curve() -> None:
    """Two workers; the rung is after the first of four epochs, and one of two continues there.

    a pauses at 1, b and c at 2. Of these three a goes on, from 2 to 5; for the other worker b is
    proposed again, which waits already, and then d, which pauses at 3. It is the best of the three
    that wait, and since two of four may, it goes on, from 3 to 6.
    """
    curves = np.array([[0.5, 1], [0.2, 2], [0.3, 3], [0.4, 4]])
    table = table_of([4, 8, 4, 4], epochs=[1, 4], curves=curves)
    sampler = Scripted(table, "abcbd")
    done = replay(
        table, lambda number: sampler, budget=4, workers=2, schedule=schedule("promotion", [1], 2)
    )
    assert ends(table, done) == [("b", 2), ("c", 2), ("a", 5), ("d", 6)]
    assert [ended.epochs for ended in done.ended] == [1, 1, 4, 4]
    assert [ended.is_complete for ended in done.ended] == [False, False, True, True]
    assert (done.seconds, done.proposals, done.ended_early) == (6, 5, "")

    assert sampler.seen == ["", "R", "RR", "RRR", "RRRR"]
    assert [t.user_attrs[PAUSED_AT] for t in sampler.trials] == [1] * 4  # b's second one too
    assert [trial.intermediate_values for trial in sampler.trials] == [
        {1: 0.5},
        {1: 0.2},
        {1: 0.3},
        {1: 0.2},
    ]
    assert [trial.state.name for trial in sampler.all_trials] == [
        *("COMPLETE", "PRUNED", "PRUNED", "PRUNED", "COMPLETE")
    ]
    assert [trial.values for trial in sampler.all_trials] == [[1, 10], None, None, None, [4, 40]]
    assert [trial.intermediate_values for trial in sampler.all_trials] == [
        {1: 0.5, 4: 1},
        {1: 0.2},
        {1: 0.3},
        {1: 0.2},
        {1: 0.4, 4: 4},
    ]


def test_each_leg_takes_the_time_from_rung_to_rung() -> None:
    """One worker, eight epochs of 1 each; a and b pause, and a is promoted to the second rung.

    c and d pause, and c goes on to the second rung, as the better of those that wait. Of the two
    there a is better, and is trained to the end.
    """
    curves = np.array([[0.8, 0.9, 1], [0.1, 0, 2], [0.4, 0.5, 3], [0.3, 0, 4]])
    table = table_of([8, 8, 8, 8], epochs=[1, 2, 8], curves=curves)
    sampler = Scripted(table, "abcd")
    done = replay(
        table, lambda number: sampler, budget=4, schedule=schedule("promotion", [1, 2], 2)
    )
    assert ends(table, done) == [("b", 2), ("d", 5), ("c", 6), ("a", 12)]
    assert [ended.epochs for ended in done.ended] == [1, 1, 2, 8]
    a, *_ = sampler.trials  # when d was proposed
    assert (a.user_attrs[PAUSED_AT], a.intermediate_values) == (2, {1: 0.8, 2: 0.9})
    assert [trial.intermediate_values for trial in sampler.all_trials] == [
        {1: 0.8, 2: 0.9, 8: 1},
        {1: 0.1},
        {1: 0.4, 2: 0.5},
        {1: 0.3},
    ]


def test_rung_by_rung_a_rung_ends_before_the_next_begins() -> None:
    """One worker: all four pause, then a and c are promoted, and then the better of these."""
    curves = np.array([[0.3, 0.9, 1], [0.1, 0, 2], [0.4, 0.5, 3], [0.2, 0, 4]])
    table = table_of([8, 8, 8, 8], epochs=[1, 2, 8], curves=curves)
    sampler = Scripted(table, "abcd")
    done = replay(
        table, lambda number: sampler, budget=4, schedule=schedule("rung_by_rung", [1, 2], 2)
    )
    assert ends(table, done) == [("b", 2), ("d", 4), ("c", 5), ("a", 12)]
    assert [ended.epochs for ended in done.ended] == [1, 1, 2, 8]


@pytest.mark.parametrize(("budget", "ended_early"), [(2, ""), (3, "nothing new")])
def test_the_best_is_trained_to_the_end_when_nothing_else_comes(
    budget: int, ended_early: str
) -> None:
    """One of three is promoted, so that two trials end: as many as asked or proposed."""
    table = table_of([2, 2, 2], epochs=[1, 2], curves=np.array([[0.1, 1], [0.2, 2], [0.3, 3]]))
    sampler = Scripted(table, "ab")
    done = replay(
        table, lambda number: sampler, budget=budget, schedule=schedule("promotion", [1], 3)
    )
    assert ends(table, done) == [("a", 1), ("b", 3)]
    assert [ended.is_complete for ended in done.ended] == [False, True]
    assert done.ended_early.startswith(ended_early)


class InOrder(ArchitectureSampler):
    """Propose the table's rows one after another, and keep the results known at each."""

    def __init__(self, table: BenchmarkTable) -> None:
        super().__init__(table.space)
        self.rows = table.rows
        self.results = Results()

    def propose(self, results: Results, rng: np.random.Generator) -> Candidate:
        self.results = results
        return self.rows[len(results.proposed)]


def test_a_sampler_knows_the_curve_of_what_waits() -> None:
    """When c is proposed, a waits and b still runs."""
    table = table_of([2, 8, 2], epochs=[1, 2], curves=CURVES[:3])
    sampler = InOrder(table)
    replay(
        table, lambda number: sampler, budget=3, workers=2, schedule=schedule("promotion", [1], 3)
    )
    assert sampler.results.pruned == [PrunedTrial(("a",), {1: -0.5})]
    assert sampler.results.pending == [("b",)]
    assert sampler.results.completed == []


LETTERS = "abcdefgh"
WORTH = st.integers(0, 4).map(float)  # few values: ties are common


@given(
    curves=st.lists(st.tuples(WORTH, WORTH, WORTH), min_size=8, max_size=8),
    seconds=st.lists(st.integers(1, 4).map(float), min_size=8, max_size=8),
    script=st.lists(st.sampled_from(LETTERS), max_size=12),
    budget=st.integers(1, 8),
    workers=st.integers(1, 4),
    factor=st.sampled_from([1.5, 2, 3]),
)
def test_what_promotion_trains_is_known_beforehand(
    curves: list[tuple[float, ...]],
    seconds: list[float],
    script: list[str],
    budget: int,
    workers: int,
    factor: float,
) -> None:
    table = table_of(seconds, epochs=[1, 3, 9], curves=np.array(curves))
    sampler = Scripted(table, [*script, *LETTERS])
    done = replay(
        table,
        lambda number: sampler,
        budget=budget,
        workers=workers,
        schedule=schedule("promotion", [1, 3], factor),
    )
    assert len({ended.row for ended in done.ended}) == len(done.ended) == budget
    assert sum(ended.epochs for ended in done.ended) == expected_epochs(budget, 9, [1, 3], factor)
    assert any(ended.is_complete for ended in done.ended)
    times = [ended.seconds for ended in done.ended]
    assert times == sorted(times)
    worked = sum(table.seconds[ended.row] * ended.epochs / 9 for ended in done.ended)
    assert worked / workers <= done.seconds + 1e-9 <= worked + 2e-9  # some worker always trains
    assert {trial.state.name for trial in sampler.all_trials} <= {"COMPLETE", "PRUNED"}


SOON_GUIDED = {
    "default": ":initial_trials=3",
    "pareto_local_search": ":initial_trials=3",
    "aging_evolution": ":population_size=3:tournament_size=2",
    "nsga2": ":population_size=4",
    "tpe": ":n_startup_trials=3",
}


REPLAYED = [
    pytest.param(name, scheduler, marks=pytest.mark.slow) if name == "tpe" else (name, scheduler)
    for name in SAMPLERS
    for scheduler in ("none", "asha", "asha:type=promotion")
]


@pytest.mark.parametrize(("name", "scheduler"), REPLAYED)
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
        rungs = build_schedule(parse_spec(scheduler), table)
        done = replay(table, sampler, budget=10, workers=2, schedule=rungs)
        assert all(ended.is_complete for ended in done.ended) == (scheduler == "none")
        return [ended.row for ended in done.ended]

    assert rows(3) == rows(3)
    assert len(set(rows(3))) == 10
    assert rows(3) != rows(4)


def test_the_rungs_of_a_table() -> None:
    table = table_of([1, 1], epochs=[2, 4, 6, 12, 18], curves=np.ones((2, 5)))
    assert build_schedule(parse_spec("none"), table) is None
    by_default = build_schedule(parse_spec("asha:type=stopping"), table)
    assert by_default is not None
    assert by_default.rungs == (2, 6)
    options = "min_epochs=6:reduction_factor=2"
    chosen = build_schedule(parse_spec(f"asha:type=stopping:{options}"), table)
    assert chosen is not None
    assert (chosen.rungs, chosen.settings.reduction_factor) == ((6, 12), 2)
    promotion = build_schedule(parse_spec(f"asha:type=promotion:{options}"), table)
    assert promotion is not None
    assert (promotion.rungs, promotion.settings.reduction_factor) == ((6, 12), 2)
    even = build_schedule(parse_spec("asha:spacing=even:min_epochs=6:reduction_factor=1.5"), table)
    assert even is not None
    assert (even.rungs, even.settings.reduction_factor) == ((6, 12), 1.5)


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("asha", "stopping"),
        ("asha:type=promotion", "promotion"),
        ("asha:type=rung_by_rung", "rung_by_rung"),
        ("asha:type=stopping", "stopping"),
    ],
)
def test_the_type_of_halving(spec: str, kind: str) -> None:
    table = table_of([1, 1], epochs=[2, 4], curves=np.ones((2, 2)))
    schedule = build_schedule(parse_spec(spec), table)
    assert schedule is not None
    assert schedule.settings.type == kind


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("hyperband", "no scheduler is called 'hyperband'; known: none, asha"),
        ("none:min_epochs=2", "none has no option 'min_epochs'; known: none"),
        ("asha:eta=3", "asha has no option 'eta'; known: min_epochs, reduction_factor, spacing"),
        ("none:type=stopping", "none has no option 'type'; known: none"),
        (
            "asha:type=halting",
            "asha:type=halting: unknown type 'halting'; known: stopping, promotion, rung_by_rung",
        ),
        ("asha:type=[]", "asha:type=[]: unknown type []; known: stopping, promotion, rung_by_rung"),
        ("asha:type=stopping:min_epochs=12", "before the last, got none; letters has 2, 4, 6, 12"),
        ("asha:reduction_factor=2", "rungs must be evaluated epochs before the last, got 2, 4, 8"),
        ("asha:min_epochs=12", "rungs must be evaluated epochs before the last, got none"),
        ("asha:reduction_factor=1", "reduction_factor must be above 1 and finite, got 1"),
        ("asha:reduction_factor=1.5", "reduction_factor must be a whole number"),
        ("asha:spacing=odd", "asha:spacing=odd: spacing must be geometric or even, got 'odd'"),
        ("asha:min_epochs=[]", "not supported between instances"),
    ],
)
def test_a_scheduler_that_cannot_be(spec: str, message: str) -> None:
    table = table_of([1, 1], epochs=[2, 4, 6, 12], curves=np.ones((2, 4)))
    with pytest.raises(SpecError) as caught:
        build_schedule(parse_spec(spec), table)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nsga2:population_size", "an option must be NAME=VALUE, got 'population_size'"),
        ("nsga2:a=1:a=2", "a is given twice"),
        (
            "nsga2:a=[",
            "a: cannot be read: '[': not YAML: line 1, column 2: expected the node content, but "
            "found '<stream end>'",
        ),
        (":a=1", "a name must come first"),
    ],
)
def test_a_spec_that_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(text)
    assert str(caught.value) == f"{text!r}: {message}"
