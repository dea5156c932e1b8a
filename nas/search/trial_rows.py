"""The rows of a search's trials: what is written of each, in the transaction of the caller."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from optuna.trial import TrialState

from nas.evaluation.evaluate import EvaluationResult
from nas.samplers.history import HistoryStudy
from nas.samplers.trials import PAUSED_AT
from nas.search.records import Records
from nas.search.trial_state import TRAINED, State, Trial
from nas.storage.evaluation import Evaluation, curve_points
from search_space.cost.latency_record import Latency

NO_METRICS: Mapping[str, float] = MappingProxyType({})


STATE_OF_ROW = {
    "running": State.PROPOSED,
    "paused": State.PAUSED,
    "complete": State.COMPLETE,
    "pruned": State.PRUNED,
}
"""The states of an earlier driver's trials, by the state of their rows.

Trainings that it did not end begin anew.
"""


class TrialRows:
    """Write the rows of trials by their numbers; :class:`nas.search.trials.Trials` says when.

    Args:
        records: the run's.
        study: the search's.
        study_id: its id in the storage.
    """

    def __init__(self, records: Records, study: HistoryStudy, study_id: int) -> None:
        self._records = records
        self._storage = records.storage
        self._study = study
        self._study_id = study_id

    def write(self, number: int, attributes: Mapping[str, Any]) -> None:
        """Write a trial's attributes."""
        trial_id = self._trial_id(number)
        for name, value in attributes.items():
            self._storage.set_trial_user_attr(trial_id, name, value)

    def write_training(
        self,
        number: int,
        result: EvaluationResult,
        latency: Latency | None,
        metrics: Mapping[str, float] = NO_METRICS,
    ) -> None:
        """Write a training's curve and attributes."""
        trial_id = self._trial_id(number)
        # The storage's own call: Trial.report refuses studies with several objectives.
        for epoch, accuracy in curve_points(result.curve).items():
            self._storage.set_trial_intermediate_value(trial_id, epoch, accuracy)
        self.write(number, self._records.training_attributes(number, metrics, result, latency))

    def write_stop(self, number: int, epoch: int) -> None:
        """Write that a training was stopped after ``epoch`` epochs."""
        self.write(number, {"stopped_at_epoch": epoch})
        self._end_as_pruned(number)

    def write_failure(self, number: int, attributes: Mapping[str, Any]) -> None:
        """Write that a trial has failed or is rejected, with the attributes that say why."""
        self.write(number, attributes)
        self._study.tell(number, state=TrialState.FAIL)

    def copy_result(self, number: int, first: Trial) -> None:
        """Write for a repeated proposal what its first trial has become so far."""
        known = self._storage.get_trial(self._trial_id(first.number))
        for epoch, accuracy in known.intermediate_values.items():
            self._storage.set_trial_intermediate_value(self._trial_id(number), epoch, accuracy)
        if first.state == State.PRUNED:
            self._end_as_pruned(number)
        elif known.state.is_finished():
            self._study.tell(number, known.values, known.state)
        elif first.epochs:  # it paused, and may be training on
            self.write(number, {PAUSED_AT: first.epochs})

    def _end_as_pruned(self, number: int) -> None:
        # Study.tell would make the last accuracy the value of a study with one objective.
        self._storage.set_trial_state_values(self._trial_id(number), state=TrialState.PRUNED)

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)


def trial_of(row: Evaluation) -> Trial:
    """Return the trial of an earlier driver's row."""
    state = STATE_OF_ROW.get(row.state) or (State.INFEASIBLE if row.violation else State.FAILED)
    trained = row.epochs if state in (*TRAINED, State.PAUSED) else 0
    return Trial(row.number, row.architecture, state, trained, row.lost_workers, row.seconds)
