"""The ledger's storage: many trials may rest, and damage is named by trial."""

from __future__ import annotations

from optuna.distributions import BaseDistribution
from optuna.exceptions import StorageInternalError

from nas.samplers.optuna_private import RestingTrialStorage
from nas.storage.damaged_rows import READ_ERRORS, sought_in


class OtherChoicesError(StorageInternalError, ValueError):
    """A parameter has other choices than earlier trials of the study: they are of another space.

    It is the ``ValueError`` that Optuna promises, and for this project an error of the storage.
    """


class SoleWriterStorage(RestingTrialStorage):
    """A storage for the process that alone writes to it, with hundreds of trials that wait.

    Trials that wait at a rung rest: a proposal does not read them again.
    """

    def refresh(self, study_id: int) -> None:
        """Read a study's new and unfinished trials from the database.

        Raises:
            DamagedRows: naming the trials that cannot be read.
        """
        try:
            super().refresh(study_id)
        except READ_ERRORS as error:
            raise sought_in(self.database, study_id) or error from error

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Record a parameter of a trial.

        Raises:
            OtherChoicesError: earlier trials have other choices of this parameter.
        """
        try:
            super().set_trial_param(trial_id, param_name, param_value_internal, distribution)
        except ValueError as error:
            raise OtherChoicesError(
                f"{param_name} has other choices than in earlier trials, which are of another space"
            ) from error
