"""A table's Optuna study: what a sampler is asked for, and what it is told and shown."""

from __future__ import annotations

import optuna
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.trial import Trial, TrialState

from nas.benchmark.table import BenchmarkTable
from nas.samplers.history import HistoryStudy
from nas.samplers.trials import PAUSED_AT
from search_space.alternatives import Parameter

NAME = "replay"


class TableStudy:
    """Trials of a table's rows, recorded as `nas search` does.

    Args:
        table: what evaluations give.
    """

    def __init__(self, table: BenchmarkTable) -> None:
        self._table = table
        self._storage = InMemoryStorage()
        optuna.create_study(
            study_name=NAME, storage=self._storage, directions=["maximize", "minimize"]
        )
        self._study = HistoryStudy(NAME, self._storage)
        self._study_id = self._storage.get_study_id_from_name(NAME)

    def ask(self, sampler: BaseSampler) -> tuple[int, int | None]:
        """A new trial's number, and the row that the sampler wants; None if no row has its choices.

        Raises:
            SpaceExhausted: the sampler has nothing more to propose.
        """
        self._study.sampler = sampler
        trial = self._study.ask()
        return trial.number, self._row(trial)

    def complete(self, number: int, row: int) -> None:
        """A trial was trained to its end."""
        self._write_curve(number, row, self._table.epochs)
        values = [self._table.maximised[row], self._table.minimised[row]]
        self._study.tell(number, [float(value) for value in values])

    def pause(self, number: int, row: int, epoch: int) -> None:
        """A trial waits at the rung ``epoch``: it still runs, with its curve until there."""
        self._write_curve(number, row, self._until(epoch))
        self._storage.set_trial_user_attr(self._trial_id(number), PAUSED_AT, epoch)

    def stop(self, number: int, row: int, epoch: int) -> None:
        """A trial was stopped at the rung ``epoch``: it has no value, but its curve until there."""
        self._write_curve(number, row, self._until(epoch))
        self._study.tell(number, state=TrialState.PRUNED)

    def fail(self, number: int) -> None:
        """A trial's choices are no row."""
        self._study.tell(number, state=TrialState.FAIL)

    def _row(self, trial: Trial) -> int | None:
        def choose(parameter: Parameter) -> int:
            value = trial.suggest_categorical(parameter.name, parameter.choices)
            return parameter.choices.index(value)

        vector = self._table.space.walk(choose)
        try:
            return self._table.index[self._table.space.decode(vector)]
        except ValueError:  # a combination that is no candidate of the space
            return None

    def _until(self, epoch: int) -> tuple[int, ...]:
        return self._table.epochs[: self._table.epochs.index(epoch) + 1]

    def _write_curve(self, number: int, row: int, epochs: tuple[int, ...]) -> None:
        trial_id = self._trial_id(number)
        curve = self._table.curves[row, : len(epochs)]
        for epoch, worth in zip(epochs, curve, strict=True):
            # The storage's own call: Trial.report refuses studies with several objectives.
            self._storage.set_trial_intermediate_value(trial_id, epoch, float(worth))

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
