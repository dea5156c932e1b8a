"""``nas/samplers/optuna_private.py`` finds in Optuna's private parts what it needs.

A test that fails here says what a new version of Optuna has changed, and where to look.
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import InMemoryStorage, RDBStorage, _cached_storage
from optuna.storages._cached_storage import _CachedStorage
from optuna.trial import FrozenTrial, TrialState
from packaging.requirements import Requirement

from nas.samplers.optuna_private import FilteredStudy, RestingTrialStorage, was_enqueued

ROOT = Path(__file__).parents[3]
LOOK_AT = (
    f"Optuna {optuna.__version__}: {{}}. nas/samplers/optuna_private.py relies on it: adapt that "
    "file, then this test and the bound on Optuna in pyproject.toml."
)

SIGNATURES = {
    optuna.Study: {"_get_trials": ["self", "deepcopy", "states", "use_cache"]},
    _CachedStorage: {
        "__init__": ["self", "backend"],
        "_read_trials_from_remote_storage": ["self", "study_id"],
        "get_all_trials": ["self", "study_id", "deepcopy", "states"],
    },
}
"""Methods that are overridden or called, with their parameters."""

ATTRIBUTES = {
    "_CachedStorage": ("_backend", "_lock", "_studies"),
    "_StudyInfo": ("unfinished_trial_ids", "last_finished_trial_id"),
}
"""The private names that are used of Optuna's cache and of its entry for a study."""


def changed_signatures() -> list[str]:
    """Say of each method whose parameters are not those of ``SIGNATURES``, what they are."""
    changes = []
    for owner, methods in SIGNATURES.items():
        for name, expected in methods.items():
            method = getattr(owner, name, None)
            parameters = list(inspect.signature(method).parameters) if method else None
            if parameters != expected:
                changes.append(f"{owner.__name__}.{name} takes {parameters}, not {expected}")
    return changes


def test_methods_take_what_they_did() -> None:
    changes = changed_signatures()
    assert changes == [], LOOK_AT.format("; ".join(changes))


def test_a_changed_method_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optuna.Study, "_get_trials", lambda self, states: [])
    monkeypatch.delattr(_CachedStorage, "_read_trials_from_remote_storage")
    changes = changed_signatures()
    assert changes[0] == (
        "Study._get_trials takes ['self', 'states'], "
        "not ['self', 'deepcopy', 'states', 'use_cache']"
    )
    assert changes[1].startswith(
        "_CachedStorage._read_trials_from_remote_storage takes None, not ["
    )


def test_the_cache_has_what_it_had() -> None:
    objects = {
        "_CachedStorage": _CachedStorage(RDBStorage("sqlite:///:memory:")),
        "_StudyInfo": _cached_storage._StudyInfo(),
    }
    missing = [
        f"{name} has no attribute {attribute}"
        for name, attributes in ATTRIBUTES.items()
        for attribute in attributes
        if not hasattr(objects[name], attribute)
    ]
    assert missing == [], LOOK_AT.format("; ".join(missing))


class Hidden(FilteredStudy):
    """Shows no trial, and counts how often trials were read."""

    reads = 0

    def as_seen(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        self.reads += 1
        return []


SAMPLERS = {
    "nsga2": lambda: optuna.samplers.NSGAIISampler(population_size=2, seed=0),
    "tpe": lambda: optuna.samplers.TPESampler(n_startup_trials=1, seed=0),
}
"""Those of Optuna's samplers that a search may use."""


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_read_trials_through_the_method_that_is_overridden(name: str) -> None:
    storage = InMemoryStorage()
    study = optuna.create_study(study_name="s", storage=storage)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=4)
    hidden = Hidden("s", storage, sampler=SAMPLERS[name]())
    hidden.ask().suggest_float("x", 0, 1)
    bypassed = f"{name} no longer reads trials through Study._get_trials"
    assert hidden.reads > 0, LOOK_AT.format(bypassed)
    assert hidden.get_trials() == [], LOOK_AT.format("Study.get_trials bypasses _get_trials")


class CountingDatabase(RDBStorage):
    """Notes which unfinished trials are read anew."""

    def __init__(self) -> None:
        super().__init__("sqlite:///:memory:")
        self.read_anew: list[set[int]] = []

    def _get_trials(
        self, study_id: int, states: Any, included_trial_ids: Iterable[int], *rest: Any, **more: Any
    ) -> list[FrozenTrial]:
        self.read_anew.append(set(included_trial_ids))
        return super()._get_trials(study_id, states, included_trial_ids, *rest, **more)


def test_resting_trials_are_not_read_again() -> None:
    database = CountingDatabase()
    storage = RestingTrialStorage(database)
    study = optuna.create_study(storage=storage)
    trials = [study.ask() for _ in range(3)]
    first, second, third = (trial._trial_id for trial in trials)
    storage.rest(study._study_id, second)
    trials[0].set_user_attr("seen", True)
    assert [t.user_attrs for t in study.trials] == [{"seen": True}, {}, {}]
    assert database.read_anew[-1] == {first, third}, LOOK_AT.format(
        "the cache reads other trials anew than those in unfinished_trial_ids"
    )
    storage.wake(study._study_id, second)
    study.tell(trials[1], 0.5)
    assert study.trials[1].state == TrialState.COMPLETE, LOOK_AT.format(
        "the cache does not read a trial anew that was added to unfinished_trial_ids"
    )


def test_enqueued_trials_are_known_as_such() -> None:
    study = optuna.create_study()
    study.enqueue_trial({"x": 1})
    enqueued, asked = study.ask(), study.ask()
    marks = [was_enqueued(study.trials[trial.number]) for trial in (enqueued, asked)]
    assert marks == [True, False], LOOK_AT.format(
        "Study.enqueue_trial keeps the values elsewhere than in system_attrs['fixed_params']"
    )


def test_the_installed_version_is_within_the_bound() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (bound,) = [
        requirement.specifier
        for requirement in map(Requirement, project["dependencies"])
        if requirement.name == "optuna"
    ]
    assert optuna.__version__ in bound, LOOK_AT.format(f"not within {bound}")


def test_private_parts_are_used_in_one_file() -> None:
    marks = ("optuna.storages._", "optuna.study._", "optuna.samplers._", "optuna.trial._")
    marks += ("_CachedStorage", "_get_trials", "_read_trials_from_remote_storage", "fixed_params")
    users = {
        path.relative_to(ROOT).as_posix()
        for package in ("nas", "analysis")
        for path in (ROOT / package).rglob("*.py")
        if any(mark in path.read_text() for mark in marks)
    }
    assert users == {"nas/samplers/optuna_private.py"}
