"""The Bayesian optimisation sampler on tables that are made up, in plain Optuna studies."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from math import inf, log2
from typing import Any

import moocore
import numpy as np
import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState
from threadpoolctl import threadpool_info, threadpool_limits

from nas.costs.limits import Rejections
from nas.errors import NothingFits, SpaceExhausted
from nas.samplers import BayesianOptimizationSampler, RandomSampler
from nas.samplers.acquisition import AcquisitionFunction
from nas.samplers.architecture_sampler import ArchitectureSampler
from nas.samplers.bayesian_optimization import (
    LOCAL_SEARCH_MUTATIONS,
    LOCAL_SEARCH_ROUNDS,
    LOCAL_SEARCH_STARTS,
    MUTATIONS,
)
from nas.samplers.choice_space import ENUMERABLE
from nas.samplers.known_costs import CostFunctions
from nas.samplers.observations import MOST_OBSERVATIONS, MOST_PRUNED, fitted_count
from nas.samplers.posterior import infer
from nas.samplers.product_space import ProductSpace, Row
from nas.samplers.trials import PAUSED_AT, CompletedTrial, PrunedTrial, Results

OPERATIONS = ("none", "conv", "attention")
WIDTHS = (8, 16, 32, 64)
SPACE = ProductSpace(
    "table",
    {f"layer{number}": OPERATIONS for number in range(1, 5)} | {"width1": WIDTHS, "width2": WIDTHS},
)
ROWS = list(SPACE.architectures())
TWO = ("maximize", "minimize")


def accuracy(row: Row) -> float:
    """Percent: layers are worth more together, widths when they are alike."""
    *layers, first, second = row
    worth = sum(
        share * (0.0, 2.0, 2.6)[OPERATIONS.index(layer)]
        for share, layer in zip((1.0, 0.8, 0.6, 0.5), layers, strict=True)
    )
    worth += 0.8 * (layers[0] == "conv" and layers[3] == "attention")
    worth -= 0.7 * (layers[1] == layers[2] != "none")
    worth += 1.1 * log2(first) + 0.8 * log2(second) - 0.36 * (log2(first) - log2(second)) ** 2
    return 90 - 8 * np.exp(-worth / 5)


def mflops(row: Row) -> float:
    *layers, first, second = row
    heavy = [(0, 2, 3)[OPERATIONS.index(layer)] for layer in layers]
    return (first**2 * (1 + sum(heavy[:2])) + second**2 * (1 + sum(heavy[2:]))) / 64


def latency(row: Row) -> float:
    """Milliseconds; attention takes long, so that MFLOPs say little of it."""
    return 1 + 3 * row[:4].count("attention") + mflops(row) / 500


def rough(row: Row) -> float:
    """A cost that no model can learn from the choices."""
    return mflops(row) * (1 + int(sha256(str(row).encode()).hexdigest()[:4], 16) / 2**14)


COSTS = CostFunctions(SPACE, {"mflops": mflops})
BEST = max(map(accuracy, ROWS))


def guided(**changes: Any) -> BayesianOptimizationSampler:
    settings = {"costs": COSTS, "objectives": ("accuracy", "mflops"), "initial_trials": 8}
    return BayesianOptimizationSampler(changes.pop("space", SPACE), **settings | changes)


def values_of(row: Row) -> tuple[float, ...]:
    return accuracy(row), mflops(row)


def walked(trial: optuna.Trial, space: ProductSpace = SPACE) -> Row:
    return space.decode(
        space.walk(lambda p: p.choices.index(trial.suggest_categorical(p.name, p.choices)))
    )


def ask(study: optuna.Study, space: ProductSpace = SPACE) -> tuple[optuna.Trial, Row]:
    trial = study.ask()
    return trial, walked(trial, space)


def search(
    sampler: ArchitectureSampler,
    trials: int,
    *,
    directions: Sequence[str] = TWO,
    values: Callable[[Row], Any] = values_of,
) -> list[Row]:
    """Candidates in the order in which a study evaluates them."""
    study = optuna.create_study(directions=directions, sampler=sampler)
    rows = []
    for _ in range(trials):
        trial, row = ask(study, sampler.space)
        study.tell(trial, values(row))
        rows.append(row)
    return rows


def trial_of(row: Row, values: Sequence[float] | None, **details: Any) -> FrozenTrial:
    distributions = {
        p.name: optuna.distributions.CategoricalDistribution(p.choices) for p in SPACE.parameters
    }
    return optuna.trial.create_trial(
        params=SPACE.params_of(row), distributions=distributions, values=values, **details
    )


def next_after(trials: Iterable[FrozenTrial], sampler: ArchitectureSampler) -> Row:
    study = optuna.create_study(directions=TWO, sampler=sampler)
    study.add_trials(trials)
    return ask(study)[1]


def share_of_front(
    rows: Sequence[Row], *functions: Callable[[Row], float], whole: Sequence[Row] = ROWS
) -> float:
    """Hypervolume under the accuracy's front with costs, as a share of the best possible."""

    def losses(some: Sequence[Row]) -> np.ndarray:
        return np.array([[-accuracy(row), *(f(row) for f in functions)] for row in some])

    reference = np.percentile(losses(whole), 95, axis=0)

    def volume(some: Sequence[Row]) -> float:
        inside = losses(some)
        inside = inside[(inside < reference).all(axis=1)]
        return float(moocore.hypervolume(inside, ref=reference))

    return volume(rows) / volume(whole)


def random_rows(count: int, seed: int = 0) -> list[Row]:
    return [ROWS[index] for index in np.random.default_rng(seed).permutation(len(ROWS))[:count]]


def test_it_finds_the_front_long_before_random_search() -> None:
    seeds = range(5)
    guided_rows = [search(guided(seed=seed), 45) for seed in seeds]
    drawn = [search(RandomSampler(SPACE, seed=seed), 45) for seed in seeds]
    shares, drawn_shares = (
        [share_of_front(rows, mflops) for rows in each] for each in (guided_rows, drawn)
    )
    assert np.mean(shares) > 0.98
    assert np.mean(drawn_shares) < 0.96
    assert all(share > other for share, other in zip(shares, drawn_shares, strict=True))
    regrets = [BEST - max(map(accuracy, rows)) for rows in guided_rows]
    assert sorted(regrets)[2] == 0  # the best of all, in most searches


def test_objectives_known_by_name_make_it_better() -> None:
    costs = CostFunctions(SPACE, {"rough": rough})
    named, unnamed = (
        [
            share_of_front(search(guided(**how, seed=seed), 40, values=evaluate), rough)
            for seed in range(4)
        ]
        for how, evaluate in (
            ({"costs": costs, "objectives": ("accuracy", "rough")}, _rough_values),
            ({"costs": None, "objectives": ()}, _rough_values),
        )
    )
    assert np.mean(named) > np.mean(unnamed) + 0.02


def _rough_values(row: Row) -> tuple[float, float]:
    return accuracy(row), rough(row)


def test_a_known_objective_may_be_maximised() -> None:
    """As sparsity would be: losses are negated, and so are the costs that are known."""
    costs = CostFunctions(SPACE, {"spared": lambda row: 2000 - mflops(row)})
    sampler = guided(costs=costs, objectives=("accuracy", "spared"))
    rows = search(
        sampler,
        45,
        directions=("maximize", "maximize"),
        values=lambda row: (accuracy(row), 2000 - mflops(row)),
    )
    assert share_of_front(rows, mflops) > 0.97


class TestRunningTrials:
    def test_the_same_is_not_proposed_again_and_again(self) -> None:
        """Four at once: each differs from what would come if the others were not running."""
        done = [trial_of(row, values_of(row)) for row in random_rows(24)]
        alone = next_after(done, guided(accuracy_share=0))
        study = optuna.create_study(directions=TWO, sampler=guided(accuracy_share=0))
        study.add_trials(done)
        rows = [ask(study)[1] for _ in range(4)]
        assert rows[0] == alone
        assert len(set(rows)) == 4
        # What was given up instead of running says nothing of its neighbourhood.
        given_up = [trial_of(row, None, state=TrialState.FAIL) for row in rows[:3]]
        assert next_after(done + given_up, guided(accuracy_share=0)) != rows[3]

    def test_improvement_falls_where_one_is_running(self) -> None:
        told = [CompletedTrial(row, (-accuracy(row), mflops(row))) for row in random_rows(24)]
        sampler = guided()
        pool = sampler.candidates.fitting
        before = self._improvement(sampler, Results((-1, 1), told), pool)
        best = int(before.argmax())
        running = Results((-1, 1), told, pending=[ROWS[best]])
        after = self._improvement(sampler, running, pool)
        assert after[best] < 0.2 * before[best]
        near = np.array([ROWS.index(r) for rs in SPACE.changes(ROWS[best]).values() for r in rs])
        assert after[near].sum() < before[near].sum()

    @staticmethod
    def _improvement(
        sampler: BayesianOptimizationSampler, results: Results, pool: Any
    ) -> np.ndarray:
        rng = np.random.default_rng(0)
        posterior = infer(sampler.problem(results), sampler.models, rng)
        return AcquisitionFunction.from_posterior(posterior, main_alone=False)(pool)


class TestLimits:
    def test_one_objective_within_a_known_limit(self) -> None:
        limits = {"mflops": 60.0}
        fitting = [row for row in ROWS if mflops(row) <= 60]
        assert len(fitting) < len(ROWS) / 3
        sampler = guided(objectives=("accuracy",), limits=limits)
        rows = search(sampler, 40, directions=("maximize",), values=accuracy)
        assert set(rows) <= set(fitting)
        assert max(map(accuracy, rows)) == max(map(accuracy, fitting))

    @pytest.mark.parametrize("is_completed", [False, True])
    def test_what_is_over_a_measured_limit_is_learned(self, is_completed: bool) -> None:
        """Also if trials over it are evaluated: then they are results, and on no front."""
        limit = 5.0
        within = [row for row in ROWS if latency(row) <= limit]
        assert max(map(accuracy, within)) < BEST - 0.1  # the best of all are over
        sampler = guided(objectives=("accuracy",), limits={"latency_ms": limit})
        assert sampler.measured_limits == {"latency_ms": limit}
        study = optuna.create_study(direction="maximize", sampler=sampler)
        rows = []
        for _ in range(40):
            trial, row = ask(study)
            rows.append(row)
            if latency(row) <= limit or is_completed:
                trial.set_user_attr("metrics", {"latency_ms": latency(row)})
                study.tell(trial, accuracy(row))
            else:
                trial.set_user_attr("violation", {"latency_ms": latency(row)})
                study.tell(trial, state=TrialState.FAIL)
        assert max(map(accuracy, within)) in map(accuracy, rows)
        ignorant = search(
            guided(objectives=("accuracy",)),
            40,
            directions=("maximize",),
            values=accuracy,
        )
        over, ignored = (
            np.mean([latency(row) > limit for row in each[8:]]) for each in (rows, ignorant)
        )
        assert over < 0.6 * ignored

    def test_a_limited_quantity_may_be_negative(self) -> None:
        sampler = guided(limits={"margin": 0.0})
        study = optuna.create_study(directions=TWO, sampler=sampler)
        over = []
        for _ in range(40):
            trial, row = ask(study)
            margin = latency(row) - 8
            over.append(margin > 0)
            if margin > 0:
                trial.set_user_attr("violation", {"margin": margin})
                study.tell(trial, state=TrialState.FAIL)
            else:
                trial.set_user_attr("metrics", {"margin": margin})
                study.tell(trial, values_of(row))
        assert np.mean(over[20:]) < 0.3


class TestThreeObjectives:
    @pytest.mark.parametrize(
        ("names", "functions"),
        [
            pytest.param(("mflops", "rough"), (mflops, rough), id="two known"),
            pytest.param(("mflops", "latency"), (mflops, latency), id="one known"),
        ],
    )
    def test_it_finds_their_front(
        self, names: tuple[str, str], functions: tuple[Callable[[Row], float], ...]
    ) -> None:
        known = {name: f for name, f in zip(names, functions, strict=True) if name != "latency"}
        guide = guided(costs=CostFunctions(SPACE, known), objectives=("accuracy", *names))
        share, *at_random = (
            share_of_front(
                search(
                    sampler,
                    60,
                    directions=(*TWO, "minimize"),
                    values=lambda row: (accuracy(row), *(f(row) for f in functions)),
                ),
                *functions,
            )
            for sampler in (guide, *(RandomSampler(SPACE, seed=seed) for seed in range(10)))
        )
        assert share > 0.95
        assert share > np.mean(at_random) + 0.05

    def test_all_may_be_known(self) -> None:
        """With all objectives known, only the search for the best candidates remains."""
        costs = CostFunctions(SPACE, {"error": lambda row: -accuracy(row), "mflops": mflops})
        rows = search(
            guided(costs=costs, objectives=("error", "mflops")),
            40,
            directions=("minimize", "minimize"),
            values=lambda row: (-accuracy(row), mflops(row)),
        )
        assert share_of_front(rows, mflops) > 0.98

    def test_as_many_names_as_objectives(self) -> None:
        sampler = guided(objectives=("accuracy", "mflops", "latency"))
        with pytest.raises(ValueError, match=r"3 objectives \(accuracy, mflops, latency\), .* 2"):
            search(sampler, 9)


class TestStoppedTrials:
    def test_they_inform_and_are_no_results(self) -> None:
        """The best of all would have come of them, and none is on the front."""
        ordered = sorted(ROWS, key=accuracy)
        told = [
            CompletedTrial(row, (-accuracy(row), mflops(row)), {1: 5 - accuracy(row)})
            for row in ordered[:900:40]
        ]
        stopped = [PrunedTrial(row, {1: 5 - accuracy(row)}) for row in ordered[-20:]]
        sampler = guided()
        with_them, without = (
            infer(sampler.problem(results), sampler.models, np.random.default_rng(0))
            for results in (
                Results((-1, 1), told, stopped),
                Results((-1, 1), told, [PrunedTrial(s.architecture, {}) for s in stopped]),
            )
        )
        assert with_them.observations == without.observations + 20
        np.testing.assert_array_equal(with_them.front, without.front)
        assert len(with_them.front) <= len(told)
        assert sorted(with_them.best_completed()) == list(range(len(told)))
        promising = sampler.pool_of(ordered[-120:-20])
        inputs = with_them.encoder(*promising)
        seen, unseen = (each.main.predict_mean(inputs) for each in (with_them, without))
        assert seen.mean() < unseen.mean() - 0.1

    def test_a_search_goes_on_with_most_trials_stopped(self) -> None:
        study = optuna.create_study(direction="maximize", sampler=guided(objectives=("accuracy",)))
        rows = []
        for number in range(45):
            trial, row = ask(study)
            for epoch in (1, 2):
                trial.report(accuracy(row) - 4 / epoch, epoch)
            if number % 3:
                study.tell(trial, state=TrialState.PRUNED)
            else:
                study.tell(trial, accuracy(row))
            rows.append(row)
        assert len(set(rows)) == 45
        assert BEST - max(map(accuracy, rows)) < 0.02

    def test_as_long_as_none_has_finished_rungs_guide_it(self) -> None:
        """Trials that wait: here all accuracies are lower by as much, and nothing else changes."""
        storage = optuna.storages.InMemoryStorage()
        study = optuna.create_study(directions=TWO, storage=storage, sampler=guided())
        rows = []
        for _ in range(30):
            trial, row = ask(study)
            storage.set_trial_intermediate_value(trial._trial_id, 3, accuracy(row) - 5)
            trial.set_user_attr(PAUSED_AT, 3)
            rows.append(row)
        assert rows == search(guided(), 30)


class TestBeforeTheFirstResult:
    def test_given_candidates_come_first_as_far_as_they_fit(self) -> None:
        wanted = random_rows(6)
        rejections = Rejections()
        limit = sorted(map(mflops, wanted))[3]
        sampler = guided(first=wanted, limits={"mflops": limit}, rejections=rejections)
        rows = search(sampler, 8)
        fitting = [row for row in wanted if mflops(row) <= limit]
        assert 1 < len(fitting) < 6
        assert rows[: len(fitting)] == fitting
        assert len(set(rows)) == 8

    def test_the_beginning_is_spread_over_the_costs(self) -> None:
        rows = search(guided(), 8)
        ordered = sorted(map(mflops, ROWS))
        ranks = np.searchsorted(ordered, [mflops(row) for row in rows]) / len(ordered)
        assert sorted((ranks * 8).astype(int)) == list(range(8))

    def test_earlier_results_shorten_it_and_may_be_proposed(self) -> None:
        earlier = [CompletedTrial(row, (-accuracy(row), mflops(row))) for row in ROWS[::12]]
        with_them, without = (
            np.mean([share_of_front(search(sampler, 12), mflops) for sampler in samplers])
            for samplers in (
                [guided(earlier=earlier, seed=seed) for seed in range(4)],
                [guided(seed=seed) for seed in range(4)],
            )
        )
        assert with_them > 0.9
        assert with_them > without + 0.03
        everything = [CompletedTrial(row, (-accuracy(row), mflops(row))) for row in ROWS]
        known = search(guided(earlier=everything, accuracy_share=1), 1)
        assert accuracy(known[0]) > BEST - 0.2
        beginning = search(guided(), 4)
        few = search(guided(earlier=earlier[:5]), 4)
        assert few[:3] == beginning[:3]
        assert few[3] != beginning[3]

    def test_earlier_results_over_a_limit_are_on_no_front(self) -> None:
        """They are better in all that counts; what they say of others is learned all the same."""
        limits = {"latency_ms": 4.0}
        ordered = sorted(ROWS, key=latency)
        over = [
            CompletedTrial(row, (-accuracy(row) - 5, mflops(row) / 9)) for row in ordered[-99::9]
        ]
        within = [CompletedTrial(row, (-accuracy(row), mflops(row))) for row in ordered[:99:9]]
        assert latency(within[-1].architecture) <= 4 < latency(over[0].architecture)
        costs = CostFunctions(SPACE, {"mflops": mflops, "latency_ms": latency})
        sampler = guided(costs=costs, limits=limits, earlier=[*over, *within])
        results = Results((-1, 1), [*over, *within])
        posterior = infer(sampler.problem(results), sampler.models, np.random.default_rng(0))
        assert posterior.observations == len(over) + len(within)
        losses = np.array([trial.losses[1] for trial in within])
        assert set(posterior.front[:, 1]) <= set(losses)
        acquisition = AcquisitionFunction.from_posterior(posterior, main_alone=False)
        assert acquisition(sampler.candidates.fitting).max() > 1e-3
        first = posterior.best_completed()[: len(within)]
        assert set(first) == set(range(len(over), len(over) + len(within)))


class TestManyResults:
    def test_what_is_looked_at_is_bounded(self) -> None:
        sampler = guided()
        for results, stopped in ((MOST_OBSERVATIONS + 300, 0), (MOST_OBSERVATIONS + 300, 400)):
            rows = random_rows(results + stopped)
            told = [CompletedTrial(r, (-accuracy(r), mflops(r)), {1: 0.0}) for r in rows[:results]]
            half = [PrunedTrial(row, {1: 0.1}) for row in rows[results:]]
            problem = sampler.problem(Results((-1, 1), told, half))
            assert len(problem.pruned.vectors) == (MOST_PRUNED if stopped else 0)
            posterior = infer(problem, sampler.models, np.random.default_rng(0))
            assert posterior.observations == MOST_OBSERVATIONS

    def test_candidates_that_are_compared_are_bounded(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told = [CompletedTrial(row, (-accuracy(row), mflops(row))) for row in random_rows(9)]
        results = Results((-1, 1), told, proposed={trial.architecture for trial in told})
        compared = len(guided()._best_first(results, np.random.default_rng(0))[1].vectors)
        assert compared == len(ROWS) - len(told)
        monkeypatch.setattr("nas.samplers.bayesian_optimization.MOST_CANDIDATES", 50)
        compared = len(guided()._best_first(results, np.random.default_rng(0))[1].vectors)
        assert (
            50
            < compared
            <= 50 + MUTATIONS + LOCAL_SEARCH_ROUNDS * LOCAL_SEARCH_STARTS * LOCAL_SEARCH_MUTATIONS
        )

    def test_settings_are_fitted_now_and_then(self) -> None:
        counts = [fitted_count(results, 8) for results in range(1, 1001)]
        assert counts[:10] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
        assert all(count <= results for results, count in enumerate(counts, start=1))
        assert len(set(counts[500:])) <= 7
        assert counts[-1] > 850


class TestUnusualResults:
    @pytest.mark.parametrize(
        "values",
        [
            pytest.param(lambda row: (50.0, mflops(row)), id="equal accuracies"),
            pytest.param(lambda row: (50.0, 1.0), id="all equal"),
            pytest.param(lambda row: (0.0, mflops(row)), id="zeros"),
            pytest.param(
                lambda row: (-inf if row[0] == "none" else accuracy(row), mflops(row)),
                id="infinitely bad",
            ),
            pytest.param(lambda row: (-inf, mflops(row)), id="nothing else"),
        ],
    )
    def test_the_search_goes_on(self, values: Callable[[Row], tuple[float, float]]) -> None:
        assert len(set(search(guided(initial_trials=2), 16, values=values))) == 16

    def test_what_is_infinitely_bad_is_avoided(self) -> None:
        rows = search(
            guided(),
            40,
            values=lambda row: (-inf if row[0] == "none" else accuracy(row), mflops(row)),
        )
        assert np.mean([row[0] == "none" for row in rows[20:]]) < 0.2

    @pytest.mark.parametrize(
        "cost", [lambda row: 3.0, lambda row: 0.0, lambda row: 5 - mflops(row)]
    )
    def test_costs_may_be_constant_zero_or_negative(self, cost: Callable[[Row], float]) -> None:
        costs = CostFunctions(SPACE, {"cost": cost})
        sampler = guided(costs=costs, objectives=("accuracy", "cost"))
        rows = search(sampler, 30, values=lambda row: (accuracy(row), cost(row)))
        assert BEST - max(map(accuracy, rows)) < 0.05

    def test_several_threads_leave_linear_algebra_as_it_was(self) -> None:
        """Proposals that overlapped would take another's limit for what to go back to."""

        entered: list[int] = []

        class Slow(BayesianOptimizationSampler):
            def _propose(self, results: Results, rng: np.random.Generator) -> Row:
                entered.append(0)
                time.sleep(0.1 * len(entered))  # who comes second, leaves last
                return super()._propose(results, rng)

        def threads() -> set[int]:
            return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}

        def set_threads(number: int) -> None:
            """In a thread that ends, since while one that set it lives, no other may."""
            setter = threading.Thread(target=threadpool_limits, args=(number, "blas"))
            setter.start()
            setter.join()

        before = max(threads())
        set_threads(2)
        study = optuna.create_study(directions=TWO, sampler=Slow(SPACE))
        study.optimize(lambda trial: values_of(walked(trial)), n_trials=2, n_jobs=2)
        after = threads()
        set_threads(before)
        assert after == {2}

    def test_a_space_of_one_candidate_ends(self) -> None:
        space = ProductSpace("one", {"layer": ("conv", "none")}, [("conv",)])
        sampler = BayesianOptimizationSampler(space)
        study = optuna.create_study(directions=TWO, sampler=sampler)
        trial, row = ask(study, space)
        assert row == ("conv",)
        study.tell(trial, (1, 1))
        with pytest.raises(SpaceExhausted):
            ask(study, space)


LARGE = ProductSpace("large", {f"layer{number}": (0, 1, 2, 3) for number in range(12)})


def height(row: Row) -> float:
    """A cost that is 0 to 36, and 3 at most for one candidate in 30,000."""
    return float(sum(row))


def goodness(row: Row) -> float:
    return 1.0 * sum(row) + 2 * row[0] * row[5] - 1.5 * row[3] * row[7]


class Heights:
    """Known of many at once."""

    names = ("height",)

    def of(self, row: Row) -> dict[str, float]:
        return {"height": height(row)}

    def columns(self, vectors: np.ndarray) -> np.ndarray:
        return vectors.sum(axis=1, keepdims=True).astype(float)


class TestLargeSpaces:
    """Where not all candidates are listed."""

    def sampler(self, **changes: Any) -> BayesianOptimizationSampler:
        known = {"costs": Heights(), "objectives": ("goodness", "height")}
        return guided(**{"space": LARGE} | known | changes)

    def values(self, row: Row) -> tuple[float, float]:
        return goodness(row), height(row)

    def test_proposals_are_new_reproducible_and_resumable(self) -> None:
        assert LARGE.size > ENUMERABLE
        limits = {"height": 20.0}
        whole = search(self.sampler(limits=limits), 24, values=self.values)
        assert len(set(whole)) == 24
        assert all(height(row) <= 20 for row in whole)
        study = optuna.create_study(directions=TWO)
        for number in range(24):
            if number % 10 == 0:  # a new process
                study.sampler = self.sampler(limits=limits)
            trial, row = ask(study, LARGE)
            study.tell(trial, self.values(row))
            assert row == whole[number]

    def test_it_climbs_where_no_draw_would_come(self) -> None:
        sampler = self.sampler(objectives=("goodness",))
        rows = search(sampler, 50, directions=("maximize",), values=goodness)
        rng = np.random.default_rng(0)
        drawn = max(goodness(LARGE.sample(rng)) for _ in range(2000))
        assert max(map(goodness, rows)) > drawn + 2

    def test_tight_limits_are_met_by_going_down(self) -> None:
        limits = {"height": 3.0}
        rng = np.random.default_rng(0)
        assert not any(height(LARGE.sample(rng)) <= 3 for _ in range(2000))
        rows = search(self.sampler(limits=limits), 40, values=self.values)
        assert len(set(rows)) == 40
        assert max(map(height, rows)) <= 3
        assert max(map(goodness, rows)) == 3 + 2 * 2  # 1 and 2 at the pair, by hand

    def test_limits_that_nothing_meets_are_said(self) -> None:
        with pytest.raises(NothingFits, match="height <= -1"):
            search(self.sampler(limits={"height": -1.0}), 1)

    def test_the_last_within_tight_limits_are_found(self) -> None:
        """13 candidates of 16,777,216: a sum of one at most."""
        sampler = self.sampler(limits={"height": 1.0})
        rows = search(sampler, 13, values=self.values)
        assert len(set(rows)) == 13
        assert max(map(height, rows)) <= 1


def test_a_plain_study_needs_a_space_alone() -> None:
    space = ProductSpace("mine", {"depth": (1, 2, 3, 4, 5), "kind": ("a", "b", "c")})
    study = optuna.create_study(sampler=BayesianOptimizationSampler(space, initial_trials=4))

    def objective(trial: optuna.Trial) -> float:
        depth = trial.suggest_categorical("depth", (1, 2, 3, 4, 5))
        kind = trial.suggest_categorical("kind", ("a", "b", "c"))
        return abs(depth - 4) + "cab".index(kind)

    study.optimize(objective, n_trials=10)
    assert study.best_params == {"depth": 4, "kind": "c"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"initial_trials": 1}, "initial_trials must be at least 2, got 1"),
        ({"accuracy_share": 1.5}, "accuracy_share must be from 0 to 1, got 1.5"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        guided(**options)
