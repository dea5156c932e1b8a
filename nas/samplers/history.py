"""A study that shows a sampler only the results of trials before a given one."""

from __future__ import annotations

import copy

from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

from nas.samplers.optuna_private import FilteredStudy
from nas.samplers.trials import PAUSED_AT


class HistoryStudy(FilteredStudy):
    """A study whose trials from number ``results_before`` on look as if they were still running.

    It makes a search on several workers reproducible: proposal n sees only the results of proposals
    before n - concurrency, however fast the others were. None hides nothing.

    With several objectives, Optuna's TPE does not see the curves of pruned trials: it ranks these
    trials last without curves, and raises with them.
    """

    results_before: int | None = None

    def as_seen(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Return the trials as a sampler may see them; changed ones are copies."""
        if self.results_before is not None:
            trials = [self._as_if_running(trial, self.results_before) for trial in trials]
        if len(self.directions) > 1 and isinstance(self.sampler, TPESampler):
            trials = [self._without_curve(trial) for trial in trials]
        return trials

    @staticmethod
    def _without_curve(trial: FrozenTrial) -> FrozenTrial:
        if trial.state != TrialState.PRUNED:
            return trial
        seen = copy.copy(trial)
        seen.intermediate_values = {}
        return seen

    @staticmethod
    def _as_if_running(trial: FrozenTrial, results_before: int) -> FrozenTrial:
        is_paused = trial.state == TrialState.RUNNING and PAUSED_AT in trial.user_attrs
        if trial.number < results_before or not (trial.state.is_finished() or is_paused):
            return trial
        seen = copy.copy(trial)
        seen.state = TrialState.RUNNING
        seen.values = None
        seen.datetime_complete = None
        seen.intermediate_values = {}
        seen.user_attrs = {k: v for k, v in trial.user_attrs.items() if k != PAUSED_AT}
        return seen
