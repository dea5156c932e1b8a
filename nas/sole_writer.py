"""A storage for the process that alone writes to it, of which many trials wait for long."""

from __future__ import annotations

from optuna.storages._cached_storage import _CachedStorage


class SoleWriterStorage(_CachedStorage):
    """Optuna's own cache, in which a trial can rest: it is not read again until it is woken.

    Optuna reads every unfinished trial anew whenever a sampler looks at a study, since another
    process may have changed it. With hundreds of paused trials that is what a proposal would cost.
    """

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
