"""A storage for the process that alone writes to it, of which many trials wait for long."""

from __future__ import annotations

from optuna.distributions import BaseDistribution
from optuna.exceptions import StorageInternalError
from optuna.storages._cached_storage import _CachedStorage

from nas.damaged_rows import READ_ERRORS, sought_in


class SoleWriterStorage(_CachedStorage):
    """Optuna's own cache, in which a trial can rest: it is not read again until it is woken.

    Optuna reads every unfinished trial anew whenever a sampler looks at a study, since another
    process may have changed it. With hundreds of paused trials that is what a proposal would cost.
    """

    def _read_trials_from_remote_storage(self, study_id: int) -> None:
        """Optuna's, which raises whatever a damaged trial makes it raise.

        Raises:
            DamagedRows: naming the trials that cannot be read.
        """
        try:
            super()._read_trials_from_remote_storage(study_id)
        except READ_ERRORS as error:
            raise sought_in(self._backend, study_id) or error from error

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """See Optuna's.

        Raises:
            StorageInternalError: earlier trials have other choices of this parameter.
        """
        try:
            super().set_trial_param(trial_id, param_name, param_value_internal, distribution)
        except ValueError as error:
            raise StorageInternalError(
                f"{param_name} has other choices than in earlier trials, which are of another space"
            ) from error

    def rest(self, study_id: int, trial_id: int) -> None:
        """Nothing is written to an unfinished trial from now on."""
        self._read_trials_from_remote_storage(study_id)
        with self._lock:
            study = self._studies[study_id]
            study.unfinished_trial_ids.discard(trial_id)
            # of the ids above it all are read; those below it that do not rest are in the set
            study.last_finished_trial_id = max(study.last_finished_trial_id, trial_id)

    def wake(self, study_id: int, trial_id: int) -> None:
        """A trial that rests will be written to."""
        with self._lock:
            self._studies[study_id].unfinished_trial_ids.add(trial_id)
