"""The acquisition function as a value, computed from a problem that no sampler made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import FrozenInstanceError, replace
from itertools import product
from typing import Any

import moocore
import numpy as np
import pytest

from nas.samplers.acquisition import AcquisitionFunction
from nas.samplers.acquisition_problem import Objectives, Problem
from nas.samplers.expected_hypervolume import (
    box_decomposition,
    expected_hypervolume_improvement,
    expected_improvement,
)
from nas.samplers.gaussian_process import SurrogateModels
from nas.samplers.kernel_inputs import Encoder
from nas.samplers.pool import Pool
from nas.samplers.posterior import BARELY, Posterior, infer
from nas.samplers.trials import CompletedTrial, InfeasibleTrial, PrunedTrial, Results
from search_space.space.parameters import Parameter

PARAMETERS = [Parameter("depth", (1, 2, 3, 4), ()), Parameter("type", ("a", "b", "c"), ())]
VECTORS = np.array(list(product(range(4), range(3))))
COSTS = np.array([[10.0 + 7 * depth + kind] for depth, kind in VECTORS])
EVERYTHING = Pool(VECTORS, COSTS)
DONE = [0, 3, 5, 7, 10, 11]
REST = [row for row in range(len(VECTORS)) if row not in DONE]
LOSSES = np.array([0.9 - 0.1 * depth + 0.05 * kind for depth, kind in VECTORS])


def models() -> SurrogateModels:
    return SurrogateModels(Encoder(PARAMETERS, COSTS))


def completed() -> list[CompletedTrial]:
    return [CompletedTrial(row, (float(LOSSES[row]), float(COSTS[row, 0]))) for row in DONE]


def problem_of(**changes: Any) -> Problem:
    results = changes.pop("results", Results((1, 1), completed()))

    def pool(trials: Sequence[Any]) -> Pool:
        return EVERYTHING.take(np.array([trial.architecture for trial in trials], dtype=int))

    problem = Problem(
        objectives=Objectives.from_names(("loss", "cost"), ("cost",), (1, 1), 2),
        results=results,
        losses=results.losses,
        completed=pool(results.completed),
        repeated=pool(results.repeats),
        pruned=pool(results.pruned),
        pending=EVERYTHING.take(np.array(results.pending, dtype=int)),
        infeasible=pool(results.infeasible),
        candidates=EVERYTHING,
        cost_limits=np.array([np.inf]),
        measured_limits={},
        initial_trials=4,
        seed=0,
    )
    return replace(problem, **changes)


def posterior_of(problem: Problem) -> Posterior:
    return infer(problem, models(), np.random.default_rng(0))


def acquisition_of(problem: Problem, *, main_alone: bool = False) -> AcquisitionFunction:
    return AcquisitionFunction.from_posterior(posterior_of(problem), main_alone=main_alone)


def test_equal_problems_give_equal_values_and_nothing_changes_with_use() -> None:
    problem = problem_of()
    acquisition = acquisition_of(problem)
    values = acquisition(EVERYTHING)
    assert values.shape == (len(VECTORS),)
    assert (values >= 0).all()
    np.testing.assert_array_equal(acquisition(EVERYTHING), values)
    np.testing.assert_array_equal(acquisition_of(problem)(EVERYTHING), values)
    np.testing.assert_allclose(acquisition(EVERYTHING.take(np.array(REST))), values[REST])
    assert acquisition(EVERYTHING.take(np.array([], dtype=int))).shape == (0,)
    for value, field in ((problem, "seed"), (acquisition, "best"), (acquisition.posterior, "main")):
        with pytest.raises(FrozenInstanceError):
            setattr(value, field, 1)


def test_it_is_the_expected_growth_of_the_hypervolume() -> None:
    posterior = posterior_of(problem_of())
    improvements = AcquisitionFunction.from_posterior(posterior, main_alone=False)(EVERYTHING)
    mean, deviation = posterior.main.predict(posterior.encoder(*EVERYTHING))
    deviation = np.sqrt(deviation**2 + posterior.main.noise_variance)
    boxes = box_decomposition(posterior.front, posterior.reference)
    levels = posterior.compression.undone(boxes.losses)
    np.testing.assert_array_equal(
        improvements, expected_hypervolume_improvement(mean, deviation, COSTS, boxes, levels)
    )
    assert posterior.reference[1] == pytest.approx(COSTS.max() * (1 + BARELY), rel=1e-15)


def test_a_cheap_member_worse_than_the_first_trials_leaves_no_gap_uncounted() -> None:
    """The cheapest network is always on the front; those between it and the others count too."""
    cheap_loss = 3.0  # the first four trials reach 0.9
    others = [trial for trial in completed() if trial.architecture != 0]
    cheapest = CompletedTrial(0, (cheap_loss, float(COSTS[0, 0])))
    posterior = posterior_of(problem_of(results=Results((1, 1), [*others, cheapest])))
    worst = posterior.compression.undone(posterior.reference[:1])
    assert worst == pytest.approx(cheap_loss, rel=1e-6)
    improvements = AcquisitionFunction.from_posterior(posterior, main_alone=False)(EVERYTHING)
    between = [row for row in REST if COSTS[row, 0] < min(COSTS[row, 0] for row in DONE if row)]
    assert between
    assert REST[int(improvements[REST].argmax())] in between


def test_one_objective_alone_counts_no_cost() -> None:
    problem = problem_of()
    both, alone = (acquisition_of(problem, main_alone=flag)(EVERYTHING) for flag in (False, True))
    assert VECTORS[REST][alone[REST].argmax()][0] == 3  # deep, whatever it costs
    assert VECTORS[REST][both[REST].argmax()][0] < 3
    single = replace(
        problem,
        objectives=Objectives.from_names(("loss",), ("cost",), (1,), 1),
        losses=problem.losses[:, :1],
    )
    np.testing.assert_array_equal(
        acquisition_of(single)(EVERYTHING), acquisition_of(single, main_alone=True)(EVERYTHING)
    )


def test_results_over_a_limit_on_known_costs_are_on_no_front() -> None:
    problem = problem_of(cost_limits=np.array([20.0]))
    assert problem.is_within_cost_limits.tolist() == (COSTS[DONE, 0] <= 20).tolist()
    posterior = posterior_of(problem)
    assert posterior.front[:, 1].max() <= 20
    within = sum(problem.is_within_cost_limits)
    assert set(posterior.best_completed()[:within]) == set(
        np.flatnonzero(problem.is_within_cost_limits)
    )


def test_pending_candidates_are_expected_to_add_little() -> None:
    plain = acquisition_of(problem_of())(EVERYTHING)
    best = REST[int(plain[REST].argmax())]
    results = Results((1, 1), completed(), pending=[best])
    assert acquisition_of(problem_of(results=results))(EVERYTHING)[best] < 0.2 * plain[best]


def test_growth_is_the_share_that_a_candidate_adds_to_the_hypervolume() -> None:
    """Against the mean over losses that are drawn from the posterior."""
    posterior = posterior_of(problem_of())
    acquisition = AcquisitionFunction.from_posterior(posterior, main_alone=False)
    pool = EVERYTHING.take(np.array(REST))
    growth = acquisition.growth(pool)
    assert growth is not None
    best = int(growth.argmax())
    mean, deviation = posterior.main.predict(posterior.encoder(*pool))
    losses = np.random.default_rng(0).normal(mean[best], deviation[best], 4000)
    losses = posterior.compression.undone(losses)
    front, reference = posterior.front.copy(), posterior.reference.copy()
    for each in (front[:, 0], reference[:1]):
        each[:] = posterior.compression.undone(each)
    present = moocore.hypervolume(front, ref=reference)
    grown = [
        moocore.hypervolume(np.vstack([front, (loss, pool.costs[best, 0])]), ref=reference)
        for loss in losses
    ]
    assert growth[best] == pytest.approx(np.mean(grown) / present - 1, rel=0.1)


def test_growth_is_unknown_where_one_of_several_objectives_counts() -> None:
    acquisition = acquisition_of(problem_of(), main_alone=True)
    assert acquisition.growth(EVERYTHING) is None


def test_growth_by_one_objective_is_its_expected_improvement() -> None:
    trials = [trial._replace(losses=trial.losses[:1]) for trial in completed()]
    results = Results((1,), trials)
    objectives = Objectives.from_names(("loss",), (), (1,), 1)
    acquisition = acquisition_of(
        problem_of(results=results, losses=results.losses, objectives=objectives)
    )
    mean, deviation = acquisition.posterior.main.predict(models().encoder(*EVERYTHING))
    improvement = expected_improvement(mean, deviation, np.array(acquisition.best))
    np.testing.assert_allclose(acquisition.growth(EVERYTHING), improvement)
    assert (acquisition(EVERYTHING) > improvement).all()  # a lucky training counts as well


def test_pruned_trials_are_observed_and_on_no_front() -> None:
    trials = [trial._replace(curve={1: trial.losses[0] + 1}) for trial in completed()]
    plain = posterior_of(problem_of(results=Results((1, 1), trials)))
    pruned = [PrunedTrial(REST[0], {1: 1.0})]  # better than all that was completed
    with_it = posterior_of(problem_of(results=Results((1, 1), trials, pruned)))
    assert with_it.observations == plain.observations + 1
    np.testing.assert_array_equal(with_it.front, plain.front)


def test_a_measured_limit_counts_by_its_probability() -> None:
    """Type b was measured over the limit of 2, type a below it."""
    done = [
        trial._replace(measured={"latency_ms": 1.0} if VECTORS[trial.architecture][1] == 0 else {})
        for trial in completed()
    ]
    over = [
        InfeasibleTrial(row, {"latency_ms": 4.0 + 0.1 * row})
        for row in REST
        if VECTORS[row][1] == 1
    ]
    problem = problem_of(results=Results((1, 1), done, infeasible=over))
    free = acquisition_of(problem)(EVERYTHING)
    limited = acquisition_of(replace(problem, measured_limits={"latency_ms": 2.0}))(EVERYTHING)
    likely = limited / np.maximum(free, 1e-300)
    of_type = [likely[[row for row in REST if VECTORS[row][1] == kind]] for kind in (0, 1)]
    assert of_type[0].min() > of_type[1].max()
    assert of_type[1].max() < 0.1


@pytest.mark.parametrize(
    ("names", "main", "columns"),
    [
        ((), 0, {}),
        (("accuracy", "macs"), 0, {1: 1}),
        (("macs", "accuracy"), 1, {0: 1}),
        (("params", "macs"), 0, {1: 1}),
        (("accuracy", "latency"), 0, {}),
    ],
)
def test_the_main_objective_is_the_first_that_is_not_known(
    names: tuple[str, ...], main: int, columns: dict[int, int]
) -> None:
    objectives = Objectives.from_names(names, ("params", "macs"), (-1, 1), 2)
    assert (objectives.main, objectives.columns) == (main, columns)
    assert objectives.others == (1 - main,)


def test_as_many_names_as_objectives() -> None:
    with pytest.raises(ValueError, match=r"given 3 objectives \(a, b, c\), the study has 2"):
        Objectives.from_names(("a", "b", "c"), (), (1, 1), 2)


def test_repeats_correct_a_lucky_member_and_inform_the_surrogate() -> None:
    lucky = DONE[0]
    trials = [
        trial._replace(losses=(0.1, trial.losses[1])) if trial.architecture == lucky else trial
        for trial in completed()
    ]
    repeats = [CompletedTrial(lucky, (0.9, float(COSTS[lucky, 0])))] * 3
    before = posterior_of(problem_of(results=Results((1, 1), trials)))
    after = posterior_of(problem_of(results=Results((1, 1), trials, repeats=repeats)))
    assert before.losses[0, 0] == 0.1
    assert after.compression.undone(after.losses)[0, 0] == pytest.approx((0.1 + 3 * 0.9) / 4)
    assert after.observations == before.observations + 3
    at_lucky = before.encoder(*EVERYTHING.take(np.array([lucky])))
    assert after.main.predict_mean(at_lucky) > before.main.predict_mean(at_lucky) + 0.1
    assert before.front[:, 0].min() == 0.1
    assert after.front[:, 0].min() > 0.4
