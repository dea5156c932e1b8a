"""The parts of Optuna beyond its public interface that this project uses.

Optuna may change them in any release. So only this module uses them, pyproject.toml bounds the
version, and ``tests/nas/samplers/test_optuna_private.py`` says what a new version has changed.
"""

from __future__ import annotations

from collections.abc import Container

import optuna
from optuna.storages import RDBStorage
from optuna.storages._cached_storage import _CachedStorage
from optuna.trial import FrozenTrial, TrialState


def was_enqueued(trial: FrozenTrial) -> bool:
    """Return whether ``Study.enqueue_trial`` made the trial, with values for its parameters."""
    return "fixed_params" in trial.system_attrs


class FilteredStudy(optuna.Study):
    """A study that shows its trials as :meth:`as_seen` returns them, to samplers too."""

    def as_seen(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Return the trials that are shown in place of ``trials``, in the same order.

        The given trials are not copies: an implementation must not change them.
        """
        return trials

    # All of Optuna's samplers read trials through this one method (Study.best_trial does not).
    def _get_trials(
        self,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
        use_cache: bool = False,
    ) -> list[FrozenTrial]:
        trials = super()._get_trials(deepcopy=deepcopy, states=None, use_cache=use_cache)
        return [trial for trial in self.as_seen(trials) if states is None or trial.state in states]


class RestingTrialStorage(_CachedStorage):
    """Optuna's cache of a database, in which an unfinished trial can rest.

    Whenever a sampler looks at a study, Optuna reads every unfinished trial from the database,
    since another process may have changed it. A trial that rests is not read until it is woken.

    Args:
        backend: the database.
    """

    def __init__(self, backend: RDBStorage) -> None:
        super().__init__(backend)
        self._resting: dict[int, set[int]] = {}  # ids of trials by their study's

    @property
    def database(self) -> RDBStorage:
        """The database behind the cache."""
        return self._backend

    def refresh(self, study_id: int) -> None:
        """Read a study's new and unfinished trials from the database."""
        super()._read_trials_from_remote_storage(study_id)
        resting = self._resting.get(study_id)
        if resting:
            with self._lock:
                study = self._studies[study_id]
                study.unfinished_trial_ids -= resting
                # Optuna reads trials above this id, and those in the set. All trials up to the
                # last resting one have just been read, and the unfinished ones that do not rest
                # are in the set.
                study.last_finished_trial_id = max(study.last_finished_trial_id, *resting)

    def _read_trials_from_remote_storage(self, study_id: int) -> None:
        self.refresh(study_id)

    def rest(self, study_id: int, trial_id: int) -> None:
        """Keep an unfinished trial as it is now; write nothing to it until it is woken."""
        self._resting.setdefault(study_id, set()).add(trial_id)
        self.refresh(study_id)

    def wake(self, study_id: int, trial_id: int) -> None:
        """Read a resting trial again from now on: it will be written to."""
        self._resting.get(study_id, set()).discard(trial_id)
        with self._lock:
            if study_id in self._studies:  # else all is read anyhow
                self._studies[study_id].unfinished_trial_ids.add(trial_id)

    def forget(self) -> None:
        """Forget what was read, since a transaction that made rows of it was undone."""
        with self._lock:
            self._studies.clear()
            self._trial_id_to_study_id_and_number.clear()
            self._study_id_and_number_to_trial_id.clear()
