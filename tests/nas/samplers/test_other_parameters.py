"""Samplers in studies that have other parameters beside an architecture's."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from nas.samplers import ARCHITECTURE_SAMPLERS
from nas.samplers.product_space import ProductSpace, Row
from search_space.space import SearchSpace

OWN = sorted(ARCHITECTURE_SAMPLERS)
OPTIONS: dict[str, dict[str, Any]] = {
    "default": {"initial_trials": 4},
    "aging_evolution": {"population_size": 4, "tournament_size": 2},
    "pareto_local_search": {"initial_trials": 4},
}
SPACE = ProductSpace("layers", {"kernel": (3, 5, 7), "width": (8, 16, 32), "skip": (False, True)})


def sampler_of(name: str, space: Any = SPACE, **changes: Any) -> BaseSampler:
    return ARCHITECTURE_SAMPLERS[name](space, **OPTIONS.get(name, {}), **changes)


def architecture_of(trial: optuna.Trial) -> Row:
    return tuple(trial.suggest_categorical(p.name, p.choices) for p in SPACE.parameters)


def with_learning_rate(trial: optuna.Trial) -> float:
    """The learning rate is asked for first, so that no architecture is known then."""
    rate = trial.suggest_float("rate", 1e-4, 1.0, log=True)
    kernel, width, skip = architecture_of(trial)
    return kernel + np.log2(width) + skip - (np.log10(rate) + 2) ** 2


class Recorder(optuna.samplers.RandomSampler):
    """Optuna's random sampler, which notes what it is asked for."""

    def __init__(self) -> None:
        super().__init__(seed=5)
        self.asked: list[str] = []
        self.seen: list[tuple[str, int]] = []

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        self.asked.append(param_name)
        return super().sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self.seen.append(("before", trial.number))

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Any
    ) -> None:
        self.seen.append(("after", trial.number))

    def reseed_rng(self) -> None:
        self.seen.append(("reseeded", 0))


@pytest.mark.parametrize("name", OWN)
class TestALearningRateBeside:
    def test_architectures_are_what_they_are_without_it(self, name: str) -> None:
        """Results are equal: only the learning rate is one parameter more."""
        plain, beside = (optuna.create_study(sampler=sampler_of(name)) for _ in range(2))
        proposals = []
        for study in (plain, beside):
            proposals.append([])
            for _ in range(12):
                trial = study.ask()
                if study is beside:
                    trial.suggest_float("rate", 1e-4, 1.0, log=True)
                row = architecture_of(trial)
                study.tell(trial, float(row[0] + row[1]))
                proposals[-1].append(row)
        assert proposals[0] == proposals[1]
        assert len(set(proposals[0])) == 12

    def test_each_trial_has_its_own_value_and_a_resumed_study_the_same_ones(
        self, name: str
    ) -> None:
        storage = optuna.storages.InMemoryStorage()
        whole = optuna.create_study(direction="maximize", sampler=sampler_of(name))
        whole.optimize(with_learning_rate, n_trials=9)
        for _ in range(9):  # each trial by a sampler that was made anew
            part = optuna.create_study(
                study_name="s",
                direction="maximize",
                storage=storage,
                sampler=sampler_of(name),
                load_if_exists=True,
            )
            part.optimize(with_learning_rate, n_trials=1)
        assert [t.params for t in part.trials] == [t.params for t in whole.trials]
        assert len({trial.params["rate"] for trial in whole.trials}) == 9
        other = optuna.create_study(direction="maximize", sampler=sampler_of(name, seed=1))
        other.optimize(with_learning_rate, n_trials=1)
        assert other.trials[0].params["rate"] != whole.trials[0].params["rate"]

    def test_parameters_of_one_trial_are_independent(self, name: str) -> None:
        study = optuna.create_study(sampler=sampler_of(name))
        trials = [study.ask() for _ in range(60)]
        first, second = (
            [trial.suggest_float(param, 0, 1) for trial in trials] for param in ("rate", "momentum")
        )
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.4
        for values in (first, second):
            assert min(values) < 0.15 < 0.85 < max(values)

    def test_a_given_sampler_is_asked_for_it_alone(self, name: str) -> None:
        given = Recorder()
        sampler = sampler_of(name, independent_sampler=given)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.optimize(with_learning_rate, n_trials=3)
        assert given.asked == ["rate"] * 3
        assert given.seen == [(when, n) for n in range(3) for when in ("before", "after")]
        rates = [trial.params["rate"] for trial in study.trials]
        same = Recorder()
        alone = optuna.create_study(sampler=same)
        for rate in rates:
            assert alone.ask().suggest_float("rate", 1e-4, 1.0, log=True) == rate
        sampler.reseed_rng()
        assert given.seen[-1] == ("reseeded", 0)

    def test_values_that_cannot_be_hashed_are_no_obstacle(self, name: str) -> None:
        """Optuna warns of such choices, and allows them where nothing is stored."""
        study = optuna.create_study(sampler=sampler_of(name))
        for _ in range(6):
            trial = study.ask()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                trial.suggest_categorical("betas", ([0.9, 0.99], [0.9, 0.999]))
            row = architecture_of(trial)
            study.tell(trial, float(row[0]))
        assert len({tuple(t.params[p.name] for p in SPACE.parameters) for t in study.trials}) == 6


@pytest.mark.parametrize("name", OWN)
def test_user_attributes_of_the_same_name_are_no_measurements(name: str) -> None:
    """A search's trials keep measured quantities in ``metrics`` and ``violation``."""
    study = optuna.create_study(sampler=sampler_of(name))
    for number in range(6):
        trial = study.ask()
        row = architecture_of(trial)
        trial.set_user_attr("metrics", "see the log")
        trial.set_user_attr("violation", 3)
        if number % 2:
            study.tell(trial, float(row[0]))
        else:
            study.tell(trial, state=TrialState.FAIL)
    assert len(study.trials) == 6


@pytest.mark.parametrize("name", OWN)
class TestFixedParameters:
    def test_partly_fixed(self, name: str) -> None:
        study = optuna.create_study(sampler=sampler_of(name))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.sampler = optuna.samplers.PartialFixedSampler({"width": 16}, study.sampler)
        study.optimize(with_learning_rate, n_trials=5)
        assert [trial.params["width"] for trial in study.trials] == [16] * 5
        assert len({trial.params["kernel"] for trial in study.trials}) > 1

    def test_a_fixed_type_may_need_choices_that_the_proposal_does_not_hold(
        self, name: str, small_space: SearchSpace
    ) -> None:
        """Enqueued is a type of which the rest is left open, once for each type."""
        (first,) = [p for p in small_space.parameters if p.name == "stage1.type"]
        study = optuna.create_study(sampler=sampler_of(name, small_space))
        for number in range(6):
            study.enqueue_trial({"stage1.type": first.choices[number % len(first.choices)]})
        for number in range(6):
            trial = study.ask()
            vector = small_space.walk(
                lambda p, trial=trial: p.choices.index(trial.suggest_categorical(p.name, p.choices))
            )
            small_space.decode(vector)
            assert trial.params["stage1.type"] == first.choices[number % len(first.choices)]
            study.tell(trial, float(number))
