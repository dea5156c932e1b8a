"""HistoryStudy hides the results of late trials, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from nas.samplers import SAMPLERS, build_sampler
from nas.samplers.history import HistoryStudy
from search_space.architecture import Architecture
from search_space.cost import Costs
from search_space.space import SearchSpace

STATES = [
    TrialState.COMPLETE,
    TrialState.FAIL,
    TrialState.PRUNED,
    TrialState.COMPLETE,
    TrialState.COMPLETE,
    TrialState.FAIL,
    TrialState.PRUNED,
    TrialState.RUNNING,
    TrialState.COMPLETE,
]


@pytest.fixture
def stored() -> tuple[InMemoryStorage, list[FrozenTrial]]:
    """A study of one objective with trials of every state, and a waiting one at the end."""
    storage = InMemoryStorage()
    study = optuna.create_study(study_name="s", storage=storage, direction="maximize")
    for number, state in enumerate(STATES):
        trial = study.ask()
        trial.suggest_categorical("kernel", (1, 3, 5))
        trial.set_user_attr("seed", number)
        storage.set_trial_system_attr(trial._trial_id, "generation", number)
        if state == TrialState.RUNNING:
            continue
        if state != TrialState.FAIL:
            trial.report(number / 10, step=1)
        study.tell(trial, number / 5 if state == TrialState.COMPLETE else None, state=state)
    study.enqueue_trial({"kernel": 3})
    return storage, study.get_trials()


def test_shows_all_when_nothing_is_hidden(
    stored: tuple[InMemoryStorage, list[FrozenTrial]],
) -> None:
    storage, trials = stored
    assert HistoryStudy("s", storage).get_trials() == trials


@pytest.mark.parametrize("first_hidden", range(len(STATES) + 2))
def test_late_results_look_as_if_still_running(
    stored: tuple[InMemoryStorage, list[FrozenTrial]], first_hidden: int
) -> None:
    storage, trials = stored
    study = HistoryStudy("s", storage)
    study.results_before = first_hidden
    seen = study.get_trials()
    assert seen[:first_hidden] == trials[:first_hidden]
    assert len(seen) == len(trials)
    for trial, whole in zip(seen[first_hidden:], trials[first_hidden:], strict=True):
        if not whole.state.is_finished():
            assert trial == whole
            continue
        assert trial.state == TrialState.RUNNING
        assert trial.values is None
        assert trial.value is None
        assert trial.datetime_complete is None
        assert trial.intermediate_values == {}
        for kept in (
            "number",
            "params",
            "distributions",
            "user_attrs",
            "system_attrs",
            "datetime_start",
            "_trial_id",
        ):
            assert getattr(trial, kept) == getattr(whole, kept)


@pytest.mark.parametrize("use_cache", [False, True])
@pytest.mark.parametrize("first_hidden", [0, 2, 4, len(STATES)])
def test_filters_by_the_state_that_is_seen(
    stored: tuple[InMemoryStorage, list[FrozenTrial]], first_hidden: int, use_cache: bool
) -> None:
    storage, trials = stored
    study = HistoryStudy("s", storage)
    study.results_before = first_hidden
    for state in TrialState:
        expected = [
            trial.number
            for trial in trials
            if state
            == (
                TrialState.RUNNING
                if trial.number >= first_hidden and trial.state.is_finished()
                else trial.state
            )
        ]
        # Optuna's samplers read through this method, with and without its cache.
        shown = study._get_trials(deepcopy=False, states=(state,), use_cache=use_cache)
        assert [trial.number for trial in shown] == expected


@pytest.mark.parametrize("deepcopy", [False, True])
def test_what_is_stored_stays_as_it_is(
    stored: tuple[InMemoryStorage, list[FrozenTrial]], deepcopy: bool
) -> None:
    storage, trials = stored
    study = HistoryStudy("s", storage)
    study.results_before = 0
    study.get_trials(deepcopy=deepcopy)
    assert optuna.load_study(study_name="s", storage=storage).get_trials() == trials
    study.results_before = None
    assert study.get_trials() == trials


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_propose_as_if_late_trials_were_running(
    name: str,
    small_space: SearchSpace,
    costs: Callable[[Architecture], Costs],
    accuracy: Callable[..., float],
    suggested: Callable[[SearchSpace, optuna.Trial], Architecture],
) -> None:
    """A study in which they are finished but hidden, and one in which they truly are running."""
    options: dict[str, dict[str, Any]] = {
        "default": {"initial_trials": 2},
        "pareto_local_search": {"initial_trials": 2},
        "aging_evolution": {"population_size": 2, "tournament_size": 1},
        "nsga2": {"population_size": 4},
        "tpe": {"n_startup_trials": 3},
    }
    visible, asked = 5, 20

    def proposals(finished: int, results_before: int | None) -> list[Architecture]:
        storage = InMemoryStorage()
        directions = ["maximize", "minimize"]
        optuna.create_study(study_name="s", storage=storage, directions=directions)
        study = HistoryStudy("s", storage)
        make = build_sampler(name, options.get(name, {}), small_space, seed=1)
        proposals = []
        for number in range(asked + 1):
            study.results_before = min(number, visible) if results_before else None
            study.sampler = make(number)
            trial = study.ask()
            proposals.append(suggested(small_space, trial))
            if number < finished:
                values = [accuracy(proposals[-1]), costs(proposals[-1]).params]
                study.tell(trial, values)
        return proposals

    hidden = proposals(finished=asked, results_before=visible)
    running = proposals(finished=visible, results_before=None)
    everything = proposals(finished=asked, results_before=None)
    assert hidden == running
    assert (everything == running) == (name in ("random", "grid"))
