"""The studies of a run: the rows of its ledger, as trials of Optuna studies in one storage.

``NAME`` is the search itself, which samplers learn from. ``NAME/repeats`` holds evaluations of its
finalists with other seeds, ``NAME/baselines`` proxy evaluations of the networks that they are
compared with (plain ones, and those that ``nas train`` was given), and ``NAME/retrain`` full
trainings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from nas.errors import RunError
from nas.evaluation.evaluate import EvaluationResult
from nas.evaluation.finite_values import check_finite
from nas.evaluation.lost_workers import LostWorker
from nas.evaluation.time_parts import NO_SECONDS
from nas.metrics import METRICS
from nas.storage.database.connection import STORAGE_ERRORS, SoleWriterStorage, unreadable
from nas.storage.database.damaged_rows import READ_ERRORS
from nas.storage.database.patience import Patience, is_away, reason_of
from nas.storage.database.transactions import UnknownOutcome, transact
from nas.storage.evaluation import (
    Evaluation,
    Kind,
    TrialRecord,
    curve_points,
    record_of,
    result_attributes,
    row_attributes,
    value_name,
)
from nas.storage.ledger_view import LedgerView
from nas.storage.provenance import Provenance
from search_space.architecture import Architecture
from search_space.cost.latency_record import Latency

T = TypeVar("T")

OF_TRAININGS = METRICS["val_accuracy"]
"""The objective of every study but the search's own; see also :func:`value_name`."""


class LedgerRows(LedgerView):
    """The studies of one run: read and write the rows of its ledger.

    Args:
        storage: where the studies are.
        name: the run's.
        place: the storage's name in messages.
        imports: whether rows may import the modules of types ``module:Class``.
        patience: with a server that is away; None for none.
    """

    def __init__(
        self,
        storage: BaseStorage,
        name: str,
        place: str,
        *,
        imports: bool = False,
        patience: Patience | None = None,
    ) -> None:
        super().__init__(name, place, imports=imports)
        self.storage = storage
        self._patience = patience or Patience(place)
        self._records: dict[tuple[Kind, int], tuple[FrozenTrial, TrialRecord]] = {}

    def study(self, kind: Kind) -> optuna.Study:
        """Load one of the run's studies."""
        name = self.study_name(kind)
        return self._patience.run(lambda: optuna.load_study(study_name=name, storage=self.storage))

    def transact(self, write: Callable[[], T]) -> T:
        """Return what ``write`` returns, after all that it writes was committed as one transaction.

        See :func:`nas.storage.database.transactions.transact`: ``write`` may be called again, and
        must begin from the same state then.

        Raises:
            RunError: the storage refused something, or its server was away for too long.
        """
        if not isinstance(self.storage, SoleWriterStorage):
            return write()
        try:
            return transact(self.storage, write, self._patience)
        except UnknownOutcome as error:
            raise RunError(
                f"cannot go on with the ledger {self.place}: {error}; nothing that had finished "
                "before is lost: give the command again (a search with --resume)"
            ) from error
        except STORAGE_ERRORS as error:
            advice = self._patience.advice if is_away(error) else ""
            raise RunError(
                f"cannot go on with the ledger {self.place}: {reason_of(error)}{advice}"
            ) from error

    def wait_no_more(self) -> None:
        """Wait for no server from now on, as a user has interrupted the command."""
        self._patience.end()

    def records(self, kind: Kind = "search") -> Sequence[TrialRecord]:
        """Return all trials of a study, by number, each with its attributes as JSON."""
        return [self._record(kind, trial) for trial in self.trials(kind)]

    def trials(self, kind: Kind = "search") -> list[FrozenTrial]:
        """Return all trials of a study, by number; they must not be changed.

        Raises:
            RunError: the ledger cannot be read.
        """
        try:
            study = self.study(kind)
            return self._patience.run(lambda: study.get_trials(deepcopy=False))
        except READ_ERRORS as error:
            raise unreadable(self.place, error, self._patience) from error

    def attributes(self) -> dict[str, Any]:
        """Return the user attributes of the search's study.

        Raises:
            RunError: the ledger cannot be read, or there is no such study.
        """
        try:
            study = self.study("search")
        except KeyError as error:
            raise RunError(f"the storage {self.place} holds no run called {self.name!r}") from error
        except READ_ERRORS as error:
            raise unreadable(self.place, error, self._patience) from error
        try:
            return self._patience.run(lambda: study.user_attrs)
        except READ_ERRORS as error:
            raise unreadable(self.place, error, self._patience) from error

    def close(self) -> None:
        """Do nothing: whoever opened the storage closes it."""

    def rest(self, number: int) -> None:
        """Promise that nothing is written to an unfinished trial of the search until it wakes."""
        storage = self.storage
        if isinstance(storage, SoleWriterStorage):
            self.transact(lambda: storage.rest(*self._ids_of(number)))

    def wake(self, number: int) -> None:
        """Say that a resting trial of the search will be written to."""
        storage = self.storage
        if isinstance(storage, SoleWriterStorage):
            self.transact(lambda: storage.wake(*self._ids_of(number)))

    def _ids_of(self, number: int) -> tuple[int, int]:
        study_id = self.storage.get_study_id_from_name(self.name)
        return study_id, self.storage.get_trial_id_from_study_id_trial_number(study_id, number)

    def _record(self, kind: Kind, trial: FrozenTrial) -> TrialRecord:
        """Return a trial's record, made once: Optuna keeps the trials that did not change."""
        known, record = self._records.get((kind, trial.number), (None, None))
        if known is not trial or record is None:
            record = record_of(trial)
            self._records[kind, trial.number] = (trial, record)
        return record

    def architecture_attributes(
        self, number: int, architecture: Architecture, *, seed: int, recipe_id: str
    ) -> dict[str, Any]:
        """Return the attributes of a trial's row for its architecture."""
        return row_attributes(architecture, seed=seed, recipe_id=recipe_id)

    def training_attributes(
        self,
        number: int,
        metrics: Mapping[str, float],
        result: EvaluationResult,
        latency: Latency | None,
    ) -> dict[str, Any]:
        """Return the attributes of a trial's row for its training."""
        attributes = result_attributes(metrics, result.curve, result.device_seconds, error=None)
        attributes |= {"worker": result.worker}
        return attributes | (
            {} if latency is None else {"latency": latency.model_dump(mode="json")}
        )

    def add(
        self,
        kind: Kind,
        architecture: Architecture,
        *,
        seed: int,
        metrics: Mapping[str, float],
        curve: Sequence[Mapping[str, Any]],
        device_seconds: float,
        recipe_id: str,
        error: str | None = None,
        training: int | None = None,
        lost_workers: Sequence[LostWorker] = (),
        seconds: Mapping[str, float] = NO_SECONDS,
        provenance: Provenance | None = None,
    ) -> Evaluation:
        """Add a finished row to a study other than the search's own, in one step.

        The arguments are the row's fields, see :class:`nas.storage.evaluation.Evaluation`.

        Raises:
            ValueError: a metric is not finite; nothing is written.
            RunError: see :meth:`transact`.
        """
        check_finite(metrics, architecture.arch_id)
        trial = create_trial(
            state=TrialState.FAIL if error else TrialState.COMPLETE,
            values=None if error else [metrics[value_name(kind, metrics)]],
            user_attrs=row_attributes(
                architecture,
                seed=seed,
                recipe_id=recipe_id,
                training=training,
                provenance=provenance,
            )
            | result_attributes(metrics, curve, device_seconds, error, lost_workers, seconds),
            intermediate_values=curve_points(curve),
        )
        self.transact(lambda: self.study(kind).add_trial(trial))
        return self._row(kind, self.records(kind)[-1])
