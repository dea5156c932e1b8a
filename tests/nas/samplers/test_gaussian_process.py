"""The Gaussian process against the textbook's formulas, written out as loops."""

from __future__ import annotations

from itertools import product
from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from nas.samplers.gaussian_process import (
    JITTER,
    GaussianProcess,
    _negative_log_posterior,
    fit_hyperparameters,
)
from nas.samplers.kernel import HyperparameterPrior, squared_differences
from nas.samplers.kernel_inputs import Encoder, Inputs
from search_space.space.parameters import Parameter
from tests.search_space.strategies import examples

PARAMETERS = (
    Parameter("kernel", (7, 3, 5), ()),  # ranks 2, 0, 1
    Parameter("type", ("conv", "attention"), ()),
    Parameter("heads", (1, 2, 4, 8), ((1, frozenset({1})),)),
    Parameter("position", ("none", "sine", "relative"), ((1, frozenset({1})),)),
    Parameter("shortcut", (False, True), ()),
)
RANKS = {0: [2, 0, 1], 2: [0, 1, 2, 3]}

COSTS = (0, 1, 3)
"""The numbers of known costs that are tested."""


def vectors_of(count: int, rng: np.random.Generator) -> np.ndarray:
    """Random candidates ``[N, 5]``; heads and position exist for attention alone."""
    vectors = np.stack([rng.integers(len(p.choices), size=count) for p in PARAMETERS], axis=1)
    vectors[vectors[:, 1] == 0, 2:4] = -1
    return vectors


class Case:
    """Candidates, costs and hyperparameters that are not the prior's centre."""

    def __init__(self, costs: int, count: int = 14, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.vectors = vectors_of(count, rng)
        self.costs = np.exp(rng.normal(size=(count, costs)))
        self.encoder = Encoder(PARAMETERS, self.costs)
        self.hyperparameters = HyperparameterPrior(self.encoder)
        self.point = self.hyperparameters.centre + 0.7 * rng.normal(
            size=len(self.hyperparameters.centre)
        )
        self.inputs = self.encoder(self.vectors, self.costs)
        self.values = 80 + 3 * rng.normal(size=count)

    def kernel(self, a: int, b: int) -> float:
        """Compute the kernel of two candidates, parameter by parameter."""
        names = len(PARAMETERS)
        weights = np.exp(self.point[:names])
        part = 1 / (1 + exp(-self.point[names]))
        distance = 0.0
        for index, weight in enumerate(weights):
            one, other = self.vectors[a, index], self.vectors[b, index]
            if index not in RANKS:
                distance += weight * (one != other)
                continue
            ranks = [RANKS[index][choice] if choice >= 0 else 0 for choice in (one, other)]
            apart = abs(ranks[0] - ranks[1]) / (len(RANKS[index]) - 1)
            distance += weight * ((1 - part) * (one != other) + part * apart)
        covariance = exp(self.point[names + 1] - distance)
        logs = np.log(self.costs)
        scaled = (logs - logs.mean(axis=0)) / logs.std(axis=0)
        lengths = np.exp(self.point[names + 3 : -1])
        if len(lengths):
            apart = sum(((scaled[a] - scaled[b]) / lengths) ** 2)
            covariance += exp(self.point[names + 2] - apart / 2)
        return covariance


@pytest.mark.parametrize("costs", COSTS)
def test_the_gradient_is_that_of_differences(costs: int) -> None:
    case = Case(costs)
    standard = (case.values - case.values.mean()) / case.values.std()
    squares = squared_differences(case.inputs.costs, case.inputs.costs)
    extra = np.linspace(0, 0.1, len(standard))

    def loss(point: np.ndarray) -> tuple[float, np.ndarray]:
        return _negative_log_posterior(
            case.hyperparameters, point, case.inputs.bits, squares, standard, extra
        )

    _, gradient = loss(case.point)
    assert len(gradient) == len(PARAMETERS) + 4 + costs
    expected = approx_fprime(case.point, lambda point: loss(point)[0], 1e-6)
    np.testing.assert_allclose(gradient, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("costs", COSTS)
@pytest.mark.parametrize("is_noisy", [False, True])
def test_predictions_are_the_textbooks(costs: int, is_noisy: bool) -> None:
    """Rasmussen and Williams, equations 2.25 and 2.26, in units of the values."""
    case = Case(costs)
    seen, asked = range(9), range(9, 14)
    values = case.values[:9]
    extra = np.linspace(0, 4, 9) if is_noisy else np.zeros(9)
    noise = exp(case.point[-1]) + JITTER
    gram = np.array([[case.kernel(a, b) for b in seen] for a in seen])
    gram += np.diag(noise + extra / values.var())
    cross = np.array([[case.kernel(a, b) for b in asked] for a in seen])
    solved = np.linalg.solve(gram, cross)
    standard = (values - values.mean()) / values.std()
    mean = values.mean() + values.std() * (standard @ solved)
    own = np.array([case.kernel(a, a) for a in asked])
    variance = values.var() * (own - (cross * solved).sum(axis=0))

    inputs = Inputs(*(column[:9] for column in case.inputs))
    surrogate = GaussianProcess(
        case.hyperparameters, case.point, inputs, values, extra if is_noisy else None
    )
    others = Inputs(*(column[9:] for column in case.inputs))
    predicted, deviation = surrogate.predict(others)
    np.testing.assert_allclose(predicted, mean, rtol=1e-9)
    np.testing.assert_allclose(deviation**2, variance, rtol=1e-7)
    assert surrogate.noise_variance == pytest.approx(values.var() * exp(case.point[-1]))
    np.testing.assert_allclose(surrogate.predict_mean(others), mean, rtol=1e-9)


def test_equal_observations_give_their_value_everywhere() -> None:
    case = Case(1)
    surrogate = GaussianProcess(case.hyperparameters, case.point, case.inputs, np.full(14, 91.5))
    mean, deviation = surrogate.predict(case.inputs)
    np.testing.assert_allclose(mean, 91.5)
    assert (deviation > 0).all()
    assert np.isfinite(
        fit_hyperparameters(case.hyperparameters, case.inputs, np.full(14, 91.5))
    ).all()


def test_fitting_finds_the_parameter_that_matters() -> None:
    rng = np.random.default_rng(1)
    vectors = vectors_of(60, rng)
    costs = np.exp(rng.normal(size=(60, 1)))
    encoder = Encoder(PARAMETERS, costs)
    hyperparameters = HyperparameterPrior(encoder)
    values = np.array([0.0, 1.0, 5.0])[vectors[:, 0]] + 0.01 * rng.normal(size=60)
    point = fit_hyperparameters(hyperparameters, encoder(vectors, costs), values)
    weights = np.exp(point[: len(PARAMETERS)])
    assert weights[0] > 3 * weights[1:].max()
    mean, _ = GaussianProcess(
        hyperparameters, point, encoder(vectors[:40], costs[:40]), values[:40]
    ).predict(encoder(vectors[40:], costs[40:]))
    assert np.abs(mean - values[40:]).max() < 0.5


@given(st.integers(0, 2**32 - 1), st.sampled_from(COSTS))
@examples(20)
def test_the_kernel_is_positive_definite(seed: int, costs: int) -> None:
    case = Case(costs, count=25, seed=seed)
    surrogate = GaussianProcess(case.hyperparameters, case.point, case.inputs, case.values)
    kernel = surrogate._kernel(case.inputs)
    np.testing.assert_allclose(kernel, kernel.T, atol=1e-12)
    assert np.linalg.eigvalsh(kernel).min() > -1e-9


class TestEncoder:
    def test_ranks_are_those_of_numbers_in_any_order(self) -> None:
        assert Encoder(PARAMETERS, np.ones((2, 0))).ranked == [True, False, True, False, False]
        few = (Parameter("width", (8, 16), ()), Parameter("mixed", (1, False, "a"), ()))
        numbers = (Parameter("some", (False, 2, 3), ()), Parameter("share", (0.5, 0.1, 1), ()))
        assert Encoder((*few, *numbers), np.ones((2, 0))).ranked == [False, False, False, True]

    def test_what_is_inactive_is_as_far_from_every_choice(self) -> None:
        encoder = Encoder(PARAMETERS[3:4], np.ones((2, 0)))
        bits = encoder(np.array([[-1], [0], [1], [2]]), np.ones((4, 0))).bits
        apart = (encoder.share * (bits[:, None] != bits[None])).sum(axis=2)
        np.testing.assert_array_equal(apart, 1 - np.eye(4))

    def test_parameters_with_the_same_choices_are_counted(self) -> None:
        layers = [Parameter(f"layer{n}", ("skip", "conv"), ()) for n in range(3)]
        kernels = [Parameter(f"kernel{n}", (7, 3, 5), ()) for n in range(4)]
        few = [Parameter(f"type{n}", ("a", "b", "c"), ()) for n in range(2)]
        parameters = [layers[0], *kernels, *few, *layers[1:]]
        encoder = Encoder(parameters, np.ones((2, 0)))
        vectors = np.array(list(product(*(range(len(p.choices)) for p in parameters))))
        counts = encoder(vectors, np.ones((len(vectors), 0))).costs
        assert encoder.costs == counts.shape[1] == 3
        np.testing.assert_allclose(counts.std(axis=0), 1)
        ranks = np.array([2, 0, 1])[vectors[:, 1:5]].mean(axis=1)
        conv = vectors[:, [0, 7, 8]].sum(axis=1)
        correlations = np.abs(np.corrcoef(np.column_stack([counts, ranks, conv]).T))
        assert (correlations > 1 - 1e-9).sum() == 5 + 2 + 6  # each, ranks, and skip and conv

    def test_positive_costs_count_by_their_logarithm_and_others_as_they_are(self) -> None:
        sample = np.array([[1.0, 0.0, -2.0, 7.0], [10, 5, 2, 7], [100, 10, 6, 7]])
        encoder = Encoder(PARAMETERS, sample)
        assert encoder.costs == 3  # the last is the same everywhere
        between = np.array([[10**1.5, 7.5, 4.0, 7.0]])
        (scaled,) = encoder(np.zeros((1, 5), dtype=int), between).costs
        low, _, high = encoder(np.zeros((3, 5), dtype=int), sample).costs
        np.testing.assert_allclose((scaled - low) / (high - low), 0.75)

    def test_a_cost_that_is_equal_up_to_rounding_says_nothing(self) -> None:
        assert Encoder(PARAMETERS, np.full((1000, 1), 0.1)).costs == 0
        assert log(0.1) != np.log(np.full(1000, 0.1)).mean()  # or else this would show nothing

    @pytest.mark.parametrize("wrong", [np.nan, np.inf])
    def test_costs_must_be_finite(self, wrong: float) -> None:
        with pytest.raises(ValueError, match="known costs must be finite numbers"):
            Encoder(PARAMETERS, np.array([[1.0], [wrong]]))
