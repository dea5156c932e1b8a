"""The conformance suite that every sampler must pass, and a stricter one for this project's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from math import inf
from typing import Any

import moocore
import numpy as np
import optuna
import pytest
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from nas.costs.limits import Limits, Rejections
from nas.costs.static_costs import StaticCosts
from nas.errors import NothingFits, SpaceExhausted
from nas.samplers import (
    ARCHITECTURE_SAMPLERS,
    SAMPLERS,
    ArchitectureSampler,
    ParetoLocalSearchSampler,
    RandomSampler,
    build_sampler,
)
from nas.samplers.architecture_sampler import DRAWS
from nas.samplers.choice_space import ENUMERABLE
from nas.samplers.known_costs import CostFunctions
from nas.samplers.neighbour_sampler import NeighbourSampler
from nas.samplers.product_space import ProductSpace
from nas.samplers.trials import CompletedTrial, Results
from search_space.architecture import Architecture, Task
from search_space.cost import Costs
from search_space.space import SearchSpace
from search_space.yaml_validation import ConfigError

pytestmark = pytest.mark.many_cases

CostsOf = Callable[[Architecture], Costs]
Suggested = Callable[[SearchSpace, optuna.Trial], Architecture]

TASK = Task(dataset="digits", input_shape=(1, 8, 8), classes=10)

OPTIONS: dict[str, dict[str, Any]] = {
    "default": {"initial_trials": 4},
    "aging_evolution": {"population_size": 4, "tournament_size": 2},
    "pareto_local_search": {"initial_trials": 4},
    "nsga2": {"population_size": 5},
    "tpe": {"n_startup_trials": 5},
}
"""A space so small that each strategy is past its random beginning after a few trials."""

TWO_OBJECTIVES = ["maximize", "minimize"]
OWN = sorted(ARCHITECTURE_SAMPLERS)


class Bench:
    """Runs a strategy in a plain Optuna study."""

    def __init__(
        self,
        space: SearchSpace,
        costs: CostsOf,
        accuracy: Callable[..., float],
        suggested: Suggested,
    ) -> None:
        self.space = space
        self.costs = costs
        self.accuracy = accuracy
        self.suggested = suggested

    def make(self, name: str, seed: int = 0, **changes: Any) -> Callable[[int], BaseSampler]:
        costs = StaticCosts(self.space, TASK, batch_size=64)
        limits = changes.pop("limits", Limits()).by_name(costs.names)
        options = OPTIONS.get(name, {})
        return build_sampler(
            name, options, self.space, costs=costs, limits=limits, seed=seed, **changes
        )

    def values(self, architecture: Architecture) -> list[float]:
        return [self.accuracy(architecture), self.costs(architecture).params]

    def run(
        self, study: optuna.Study, make: Callable[[int], BaseSampler], trials: int
    ) -> list[Architecture]:
        """Ask and tell until the study has that many trials; what was proposed now."""
        proposals = []
        for number in range(len(study.get_trials()), trials):
            study.sampler = make(number)
            trial = study.ask()
            architecture = self.suggested(self.space, trial)
            study.tell(trial, self.values(architecture)[: len(study.directions)])
            proposals.append(architecture)
        return proposals


@pytest.fixture
def bench(
    small_space: SearchSpace,
    costs: CostsOf,
    accuracy: Callable[..., float],
    suggested: Suggested,
) -> Bench:
    return Bench(small_space, costs, accuracy, suggested)


@pytest.fixture
def tiny(
    tiny_space: SearchSpace,
    costs: CostsOf,
    accuracy: Callable[..., float],
    suggested: Suggested,
) -> Bench:
    return Bench(tiny_space, costs, accuracy, suggested)


def new_study(directions: list[str] | None = None) -> optuna.Study:
    return optuna.create_study(directions=directions or TWO_OBJECTIVES)


@pytest.mark.parametrize("name", SAMPLERS)
class TestEverySampler:
    """The conformance suite."""

    def test_proposals_are_in_the_space(self, bench: Bench, name: str) -> None:
        study = new_study()
        proposals = bench.run(study, bench.make(name), 16)
        assert all(bench.space.contains(architecture) for architecture in proposals)
        params = [trial.params for trial in study.trials]
        assert [bench.space.from_params(p) for p in params] == proposals
        assert len(set(proposals)) > 8

    def test_equal_history_and_seed_give_equal_proposals(self, bench: Bench, name: str) -> None:
        proposals = [bench.run(new_study(), bench.make(name), 16) for _ in range(2)]
        assert proposals[0] == proposals[1]

    def test_another_seed_gives_others(self, bench: Bench, name: str) -> None:
        proposals = [bench.run(new_study(), bench.make(name, seed), 8) for seed in (0, 1)]
        assert proposals[0] != proposals[1]

    def test_neighbouring_seeds_do_not_repeat_each_other(self, bench: Bench, name: str) -> None:
        """Proposal n + 1 of one seed is not proposal n of the next one."""
        proposals = [bench.run(new_study(), bench.make(name, seed), 5) for seed in (0, 1)]
        assert proposals[0][1:] != proposals[1][:-1]

    @pytest.mark.parametrize("stored", [1, 7, 15])
    def test_a_resumed_study_goes_on_as_if_uninterrupted(
        self, bench: Bench, name: str, stored: int
    ) -> None:
        whole = bench.run(new_study(), bench.make(name), 16)
        storage = InMemoryStorage()
        study = optuna.create_study(study_name="s", storage=storage, directions=TWO_OBJECTIVES)
        first = bench.run(study, bench.make(name), stored)
        del study
        resumed = optuna.load_study(study_name="s", storage=storage)
        assert first + bench.run(resumed, bench.make(name), 16) == whole

    def test_works_in_plain_optimize(self, bench: Bench, name: str) -> None:
        study = optuna.create_study(directions=TWO_OBJECTIVES, sampler=bench.make(name)(0))
        proposals = []

        def objective(trial: optuna.Trial) -> tuple[float, ...]:
            proposals.append(bench.suggested(bench.space, trial))
            return tuple(bench.values(proposals[-1]))

        study.optimize(objective, n_trials=14)
        assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 14
        assert all(bench.space.contains(architecture) for architecture in proposals)
        assert len(set(proposals)) > 7

    @pytest.mark.parametrize("direction", ["maximize", "minimize"])
    def test_one_objective_is_enough(self, bench: Bench, name: str, direction: str) -> None:
        proposals = [bench.run(new_study([direction]), bench.make(name), 16) for _ in range(2)]
        assert proposals[0] == proposals[1]
        assert all(bench.space.contains(architecture) for architecture in proposals[0])

    def test_failed_pruned_and_running_trials_are_no_results(self, bench: Bench, name: str) -> None:
        study = new_study()
        make = bench.make(name)
        for number in range(16):
            study.sampler = make(number)
            trial = study.ask()
            architecture = bench.suggested(bench.space, trial)
            state = (TrialState.COMPLETE, TrialState.FAIL, TrialState.PRUNED, None)[number % 4]
            if state == TrialState.COMPLETE:
                study.tell(trial, bench.values(architecture))
            elif state is not None:
                study.tell(trial, state=state)
        proposals = bench.run(study, make, 20)
        assert all(bench.space.contains(architecture) for architecture in proposals)

    def test_what_a_user_enqueues_is_taken(self, bench: Bench, name: str) -> None:
        wanted = list(bench.space.architectures())[100]
        study = new_study()
        study.enqueue_trial(bench.space.params_of(wanted))
        proposals = bench.run(study, bench.make(name), 1)  # the waiting trial is counted already
        study.sampler = bench.make(name)(0)
        trial = study.ask()
        assert proposals == []
        assert bench.suggested(bench.space, trial) == wanted


@pytest.mark.parametrize("name", OWN)
class TestOwnSamplers:
    """Exact costs, no repeats."""

    def test_never_repeats_and_never_exceeds_a_limit(self, bench: Bench, name: str) -> None:
        limits = Limits(params=3000, macs=60_000)
        fitting = {
            a
            for a in bench.space.architectures()
            if bench.costs(a).params <= 3000 and bench.costs(a).macs <= 60_000
        }
        assert 60 < len(fitting) < bench.space.size / 2
        proposals = bench.run(new_study(), bench.make(name, limits=limits), 60)
        assert len(set(proposals)) == 60
        assert set(proposals) <= fitting

    def test_a_limit_is_inclusive(self, tiny: Bench, name: str) -> None:
        smallest = min(tiny.costs(a).params for a in tiny.space.architectures())
        (proposal,) = tiny.run(new_study(), tiny.make(name, limits=Limits(params=smallest)), 1)
        assert tiny.costs(proposal).params == smallest
        with pytest.raises(NothingFits):
            tiny.run(new_study(), tiny.make(name, limits=Limits(params=smallest - 1)), 1)

    def test_rejections_are_counted_with_examples(self, bench: Bench, name: str) -> None:
        limits = Limits(params=3000, macs=60_000)
        rejections = Rejections()
        bench.run(new_study(), bench.make(name, limits=limits, rejections=rejections), 60)
        by_id = {a.arch_id: bench.costs(a) for a in bench.space.architectures()}
        recorded = rejections.to_json()
        assert set(recorded) == {"params", "macs"}
        for limit, most in (("params", 3000), ("macs", 60_000)):
            entry = recorded[limit]
            examples = [getattr(by_id[arch_id], limit) for arch_id in entry["examples"]]
            assert len(set(entry["examples"])) == len(examples) == 5
            assert min(examples) > most
            assert most < entry["smallest"] <= min(examples)
            assert entry["smallest"] in {getattr(costs, limit) for costs in by_id.values()}
            assert entry["count"] > 5
            assert f"{limit}: {entry['count']:,} rejected" in str(rejections)
        assert Rejections(recorded).to_json() == recorded

    def test_each_candidate_turned_away_is_in_the_count(self, tiny: Bench, name: str) -> None:
        ordered = sorted(tiny.space.architectures(), key=lambda a: tiny.costs(a).params)
        limit = tiny.costs(ordered[0]).params  # one of twelve fits
        rejections = Rejections()
        make = tiny.make(name, limits=Limits(params=limit), rejections=rejections)
        study = new_study()
        with pytest.raises(SpaceExhausted):
            tiny.run(study, make, 2)
        entry = rejections.to_json()["params"]
        assert entry["smallest"] == tiny.costs(ordered[1]).params
        # at least all eleven when the space was exhausted, and none twice in one proposal
        assert 11 <= entry["count"] <= 22

    def test_nothing_fits_says_what_was_tried_and_the_smallest(
        self, tiny: Bench, name: str
    ) -> None:
        smallest = min(tiny.costs(a).params for a in tiny.space.architectures())
        rejections = Rejections()
        make = tiny.make(name, limits=Limits(params=50, macs="1G"), rejections=rejections)
        with pytest.raises(NothingFits) as caught:
            tiny.run(new_study(), make, 1)
        assert str(caught.value) == (
            "no architecture of 'tiny' fits the limits (params <= 50, macs <= 1G): 12 were tried, "
            f"the smallest params seen is {smallest} ({smallest})"
        )
        assert rejections.to_json()["params"]["count"] == 12

    def test_nothing_fits_in_a_space_too_large_to_walk(
        self,
        name: str,
        costs: CostsOf,
        suggested: Suggested,
        accuracy: Callable[..., float],
        tiny_description: dict[str, Any],
    ) -> None:
        stage = tiny_description["stages"][0] | {"width": [4, 8]}
        large = tiny_description | {"stages": [stage] * 4}
        bench = Bench(SearchSpace.from_mapping(large), costs, accuracy, suggested)
        assert bench.space.size > ENUMERABLE
        if name == "grid":
            with pytest.raises(ConfigError, match="a grid needs a space of at most"):
                bench.make(name)
            return
        rejections = Rejections()
        make = bench.make(name, limits=Limits(params=10), rejections=rejections)
        with pytest.raises(NothingFits) as caught:
            bench.run(new_study(), make, 1)
        entry = rejections.to_json()["params"]
        parts = re.search(
            r": ([\d,]+) were tried, the smallest params seen is (\S+) \((\S+)\)", str(caught.value)
        )
        assert parts is not None
        tried, _, smallest = parts.groups()
        assert int(tried.replace(",", "")) == entry["count"]
        assert DRAWS / 4 < entry["count"] <= DRAWS
        assert float(smallest.replace(",", "")) == entry["smallest"]

    @pytest.mark.parametrize("limit", [None, 1522])
    def test_a_small_space_is_proposed_whole(
        self, tiny: Bench, name: str, limit: float | None
    ) -> None:
        limits = Limits(params=limit)
        fitting = {
            architecture
            for architecture in tiny.space.architectures()
            if not limits.static_violations(tiny.costs(architecture).metrics())
        }
        assert len(fitting) == (12 if limit is None else 6)
        study = new_study()
        make = tiny.make(name, limits=limits)
        proposals = tiny.run(study, make, len(fitting))
        assert set(proposals) == fitting
        with pytest.raises(SpaceExhausted) as caught:
            tiny.run(study, make, len(fitting) + 1)
        assert f"{len(fitting)} were proposed before" in str(caught.value)
        assert str(limits) in str(caught.value)

    def test_the_last_one_left_is_found(self, bench: Bench, name: str) -> None:
        """Also where random draws would hardly hit it: half the space has a type of one variant."""
        study = new_study()
        everything = list(bench.space.architectures())
        for architecture in everything[:-1]:
            study.add_trial(
                optuna.create_trial(
                    params=bench.space.params_of(architecture),
                    distributions={
                        p.name: optuna.distributions.CategoricalDistribution(p.choices)
                        for p in bench.space.parameters
                        if p.name in bench.space.params_of(architecture)
                    },
                    values=bench.values(architecture),
                )
            )
        assert bench.run(study, bench.make(name), bench.space.size) == everything[-1:]
        with pytest.raises(SpaceExhausted):
            bench.run(study, bench.make(name), bench.space.size + 1)

    def test_a_trial_that_is_still_being_asked_is_no_obstacle(
        self, bench: Bench, name: str
    ) -> None:
        """As with study.optimize(n_jobs=2): another thread may have chosen some values only."""
        study = optuna.create_study(directions=TWO_OBJECTIVES, sampler=bench.make(name)(0))
        half = study.ask()
        first = bench.space.parameters[0]
        half.suggest_categorical(first.name, first.choices)
        whole = bench.suggested(bench.space, study.ask())
        assert bench.suggested(bench.space, half) != whole
        later = [bench.suggested(bench.space, study.ask()) for _ in range(6)]
        assert len({whole, *later}) == 7

    def test_several_jobs_work(self, bench: Bench, name: str) -> None:
        study = optuna.create_study(directions=TWO_OBJECTIVES, sampler=bench.make(name)(0))

        def objective(trial: optuna.Trial) -> tuple[float, ...]:
            return tuple(bench.values(bench.suggested(bench.space, trial)))

        study.optimize(objective, n_trials=12, n_jobs=3)
        assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 12

    def test_one_sampler_serves_several_studies(self, tiny: Bench, name: str) -> None:
        sampler = tiny.make(name)(0)
        for directions in (TWO_OBJECTIVES, TWO_OBJECTIVES, ["maximize"]):
            study = new_study(directions)
            assert len(set(tiny.run(study, lambda number: sampler, 12))) == 12

    def test_trials_of_another_space_are_passed_over(
        self, bench: Bench, tiny: Bench, name: str
    ) -> None:
        study = new_study()
        trial = study.ask()
        trial.suggest_categorical("depth", (1, 2))
        study.tell(trial, [0.5, 3])
        proposals = bench.run(study, bench.make(name), 12)
        assert len(set(proposals)) == 11


@pytest.mark.parametrize("name", OWN)
def test_a_space_with_nothing_to_choose(name: str) -> None:
    """Optuna fills single values in without asking the sampler."""
    space = ProductSpace("one", {"x": ("a",), "y": (3,)})
    costs = CostFunctions(space, {"c": lambda row: 9.0})
    limited = build_sampler(name, {}, space, costs=costs, limits={"c": 1.0})(0)
    with pytest.raises(NothingFits):
        optuna.create_study(sampler=limited).ask()
    study = optuna.create_study(sampler=build_sampler(name, {}, space, costs=costs)(0))
    trial = study.ask()
    assert [trial.suggest_categorical("x", ("a",)), trial.suggest_categorical("y", (3,))] == [
        "a",
        3,
    ]
    study.tell(trial, 1)
    with pytest.raises(SpaceExhausted):
        study.ask()


def test_infinite_losses_count_as_the_utmost_finite_ones() -> None:
    """moocore takes none: with three objectives it ended the process."""
    losses = [(1.0, -inf, 3.0), (2.0, 5.0, inf), (inf, 4.0, inf)]
    results = Results(completed=[CompletedTrial(("a",), values) for values in losses])
    assert results.losses.tolist() == [[1, 4, 3], [2, 5, 3], [2, 4, 3]]


@pytest.mark.parametrize("name", ["pareto_local_search", "aging_evolution"])
def test_no_neighbour_of_earlier_results_over_a_limit(name: str) -> None:
    space = ProductSpace("plane", {"x": tuple(range(20)), "y": tuple(range(20))})
    costs = CostFunctions(space, {"x": lambda row: row[0]})
    sampler = build_sampler(name, OPTIONS[name], space, costs=costs, limits={"x": 9.0})(0)
    assert isinstance(sampler, NeighbourSampler)
    told = [CompletedTrial(row, (-float(row[0]),)) for row in ((19, 7), (2, 5), (18, 7), (17, 7))]
    results = Results((-1,), told, proposed={(0, y) for y in range(5)})
    for seed in range(9):
        x, y = sampler.propose(results, np.random.default_rng(seed))
        assert (x == 2) != (y == 5)
        assert x <= 9


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("default", {"initial_trials": 2.5}, "initial_trials: must be of type int, got 2.5"),
        ("default", {"initial_trials": "abc"}, "initial_trials: must be of type int, got 'abc'"),
        ("default", {"initial_trials": True}, "initial_trials: must be of type int, got True"),
        ("default", {"accuracy_share": None}, "accuracy_share: must be of type float, got None"),
        ("aging_evolution", {"tournament_size": 2.5}, "must be of type int, got 2.5"),
        ("nsga2", {"population_size": 2.5}, "population_size: must be of type int, got 2.5"),
        ("nsga2", {"mutation": "swap"}, "must be a BaseMutation, which cannot be given as an"),
        ("tpe", {"n_ei_candidates": "abc"}, "n_ei_candidates: must be of type int, got 'abc'"),
        ("tpe", {"multivariate": 1}, "multivariate: must be of type bool | None, got 1"),
        ("tpe", {"gamma": 3}, "gamma: must be a Callable[[int], int], which cannot be given"),
    ],
)
def test_an_option_of_the_wrong_type(
    tiny: Bench, name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        build_sampler(name, options, tiny.space)
    assert "sampler.options." in str(caught.value)
    assert message in str(caught.value)


def test_options_of_the_right_types(tiny: Bench) -> None:
    for name, options in {
        "default": {"accuracy_share": 1},
        "nsga2": {"mutation_prob": None, "crossover_prob": 0.5},
        "tpe": {"multivariate": True, "group": False, "gamma": None},
    }.items():
        build_sampler(name, options, tiny.space)


def test_random_search_does_not_look_at_results(bench: Bench) -> None:
    blind = Bench(bench.space, bench.costs, lambda architecture: 0.0, bench.suggested)
    proposals = [b.run(new_study(), b.make("random"), 12) for b in (bench, blind)]
    assert proposals[0] == proposals[1]


def test_random_search_is_uniform_over_what_its_option_says() -> None:
    """One type with 1 variant and one with 7: half of the draws, or an eighth, are the former."""
    space = SearchSpace.from_mapping(
        {
            "name": "uneven",
            "block": "basic",
            "stem": {"type": "conv", "kernel": 3, "stride": 1, "pool": False, "width": 4},
            "stages": [
                {
                    "depth": 1,
                    "width": 8,
                    "primitive": [
                        {"type": "local_attention", "extent": 3, "heads": 2},
                        {"type": "conv", "kernel": [1, 3, 5, 7, 9, 11, 13]},
                    ],
                }
            ],
        }
    )
    assert space.size == 8

    def attention_first(**options: Any) -> int:
        """In how many of 400 studies the first proposal is attention."""
        with_attention = 0
        for seed in range(400):
            sampler = RandomSampler(space, seed=seed, **options)
            first = sampler.propose(Results([1]), np.random.default_rng([seed, 0]))
            with_attention += first.stages[0].blocks[0].type == "local_attention"
        return with_attention

    # The standard deviations are 10 and 6.6.
    assert 150 < attention_first() < 250
    assert attention_first() == attention_first(uniform_over="choices")
    assert 20 < attention_first(uniform_over="architectures") < 80
    with pytest.raises(ConfigError, match=r"cannot be 'rows'; known: choices, architectures"):
        build_sampler("random", {"uniform_over": "rows"}, space)
    with pytest.raises(ConfigError, match=r"uniform_over: must be of type str, got 3"):
        build_sampler("random", {"uniform_over": 3}, space)


def test_random_search_over_architectures_proposes_each_once(tiny: Bench) -> None:
    make = build_sampler("random", {"uniform_over": "architectures"}, tiny.space)
    proposals = tiny.run(new_study(), make, tiny.space.size)
    assert set(proposals) == set(tiny.space.architectures())


@pytest.mark.parametrize("name", [n for n in SAMPLERS if n not in ("random", "grid")])
def test_the_others_do(bench: Bench, name: str) -> None:
    opposite = Bench(
        bench.space,
        bench.costs,
        lambda architecture: -bench.accuracy(architecture),
        bench.suggested,
    )
    proposals = [b.run(new_study(["maximize"]), b.make(name), 30) for b in (bench, opposite)]
    assert proposals[0] != proposals[1]


@pytest.mark.parametrize("objectives", [1, 2])
@pytest.mark.parametrize("name", OWN)
def test_the_growth_that_a_proposal_is_expected_to_bring_is_known_to_those_that_predict(
    bench: Bench, name: str, objectives: int
) -> None:
    study = new_study(TWO_OBJECTIVES[:objectives])
    make = bench.make(name, objectives=("val_accuracy", "params")[:objectives])
    growth = []
    for trials in range(1, 25):
        bench.run(study, make, trials)
        sampler = study.sampler
        assert isinstance(sampler, ArchitectureSampler)
        growth.append(sampler.expected_growth)
    assert growth[:4] == [None] * 4  # the first proposals, whatever the sampler
    known = [each for each in growth if each is not None]
    assert bool(known) == ARCHITECTURE_SAMPLERS[name].expects_growth
    assert all(0 <= each < inf for each in known)


def front_of(bench: Bench, told: list[Architecture], signs: list[int]) -> list[Architecture]:
    losses = np.array([[s * v for s, v in zip(signs, bench.values(a), strict=False)] for a in told])
    return [a for a, on in zip(told, moocore.is_nondominated(losses), strict=True) if on]


@pytest.mark.parametrize("signs", [[-1, 1], [-1], [1]], ids=["two", "maximise", "minimise"])
@pytest.mark.parametrize("limit", [None, 2500])
def test_local_search_steps_to_a_neighbour_of_the_front(
    bench: Bench, signs: list[int], limit: float | None
) -> None:
    limits = Limits(params=limit)
    make = bench.make("pareto_local_search", limits=limits)
    study = new_study([{-1: "maximize", 1: "minimize"}[s] for s in signs])
    told = bench.run(study, make, 4)
    steps, jumps = 0, 0
    for number in range(4, 60):
        open_ones = {
            near
            for member in front_of(bench, told, signs)
            for near in bench.space.neighbours(member)
            if near not in told and not limits.static_violations(bench.costs(near).metrics())
        }
        (proposed,) = bench.run(study, make, number + 1)
        if open_ones:
            assert proposed in open_ones
            steps += 1
        else:
            assert proposed not in told
            jumps += 1
        told.append(proposed)
    assert steps > 8
    assert steps + jumps == 56


def test_local_search_draws_anew_when_all_neighbours_are_known(bench: Bench) -> None:
    """With one objective the front is one architecture, and its neighbourhood comes to an end."""
    make = bench.make("pareto_local_search")
    study = new_study(["maximize"])
    best = max(bench.space.architectures(), key=bench.accuracy)
    around = [best, *bench.space.neighbours(best)]
    for architecture in around:
        study.enqueue_trial(bench.space.params_of(architecture))
    for number in range(len(around)):
        study.sampler = make(number)
        trial = study.ask()
        study.tell(trial, bench.accuracy(bench.suggested(bench.space, trial)))
    (proposed,) = bench.run(study, make, len(around) + 1)
    assert proposed not in around


def test_local_search_is_random_until_enough_was_proposed(bench: Bench) -> None:
    """The same proposals as random search makes: initial_trials of them, results or not."""
    local = ParetoLocalSearchSampler(bench.space, initial_trials=6, seed=5)
    plain = RandomSampler(bench.space, seed=5)
    proposals = [bench.run(new_study(), lambda number, s=s: s, 9) for s in (local, plain)]
    assert proposals[0][:6] == proposals[1][:6]
    assert proposals[0] != proposals[1]


def test_local_search_without_any_result_goes_on_drawing(bench: Bench) -> None:
    study = new_study()
    make = bench.make("pareto_local_search")
    proposals = []
    for number in range(8):
        study.sampler = make(number)
        trial = study.ask()
        proposals.append(bench.suggested(bench.space, trial))
        study.tell(trial, state=TrialState.FAIL)
    assert len(set(proposals)) == 8


@pytest.mark.parametrize("initial_trials", [0, -1])
def test_local_search_needs_a_beginning(bench: Bench, initial_trials: int) -> None:
    with pytest.raises(ValueError, match=f"at least 1, got {initial_trials}"):
        ParetoLocalSearchSampler(bench.space, initial_trials=initial_trials)


def test_every_own_sampler_is_an_architecture_sampler() -> None:
    def subclasses(parent: type) -> Iterator[type]:
        for cls in parent.__subclasses__():
            yield cls
            yield from subclasses(cls)

    ours = {cls for cls in subclasses(ArchitectureSampler) if cls.__module__.startswith("nas.")}
    assert set(ARCHITECTURE_SAMPLERS.values()) == ours - {NeighbourSampler}


def test_limits_read_quantities_and_leave_latency_to_the_meter(
    tiny: Bench,
) -> None:
    limits = Limits(params="1.5k", latency_ms=3)
    assert str(limits) == "params <= 1.5k, latency_ms <= 3"
    assert str(Limits()) == "no limits"
    costs = [tiny.costs(a) for a in tiny.space.architectures()]
    over = [c for c in costs if c.params > 1500]
    assert [limits.static_violations(c.metrics()) for c in over] == [
        {"params": float(c.params)} for c in over
    ]
    assert sum(not limits.static_violations(c.metrics()) for c in costs) == len(costs) - len(over)
    assert limits.latency_violations(3.0) == {}
    assert limits.latency_violations(3.1) == {"latency_ms": 3.1}
    assert Limits().latency_violations(1e9) == {}
