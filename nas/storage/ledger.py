"""The ledger: every proposal of a run and what became of it, as Optuna studies in one storage.

``NAME`` is the search itself, which samplers learn from; ``NAME/repeats`` holds further
evaluations of its finalists with other seeds; ``NAME/baselines`` holds proxy evaluations of the
plain networks they are compared with, and ``NAME/retrain`` full trainings. Only the driver writes,
a row's proposal and its end each as one transaction.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial
from pydantic import ValidationError

from nas.config.search_config import SearchConfig
from nas.config.storage_url import sqlite_file, without_password
from nas.costs.limits import Rejections
from nas.errors import RunError
from nas.evaluation.evaluate import EvaluationResult
from nas.evaluation.finite_values import check_finite
from nas.metrics import METRICS
from nas.storage.damaged_rows import READ_ERRORS, damaged_rows, reason
from nas.storage.database import (
    STORAGE_ERRORS,
    connect,
    connect_for_reading,
    one_transaction,
    reason_of,
    unreadable,
)
from nas.storage.evaluation import (
    Evaluation,
    Kind,
    curve_points,
    evaluation_of,
    result_attributes,
    row_attributes,
)
from nas.storage.folder import RunFolder
from nas.storage.sole_writer import SoleWriterStorage
from search_space.architecture import Architecture
from search_space.cost.latency import Latency
from search_space.primitives.registry import not_imported

SUFFIXES: dict[Kind, str] = {
    "search": "",
    "repeats": "/repeats",
    "baselines": "/baselines",
    "retrain": "/retrain",
}
OF_TRAININGS = METRICS["val_accuracy"]
"""The objective of every study but the search's own."""
WITH_ARCHITECTURE = (TrialState.COMPLETE, TrialState.PRUNED)
"""A trial gets its architecture before it is trained, so that these have one."""
FORMAT = 1
RUN_ID = "run_id"
"""Of the search's study: which run it is of, since folders may share a storage and a name."""

# Optuna announces every study and trial; the run has its own progress display.
optuna.logging.set_verbosity(optuna.logging.WARNING)
logging.getLogger("alembic").setLevel(logging.WARNING)


class Ledger:
    """A run's studies. Open one with :meth:`create` or :meth:`open`."""

    def __init__(
        self, storage: BaseStorage, name: str, place: str, *, imports: bool = False
    ) -> None:
        """Wrap a storage.

        Args:
            storage: where the studies are.
            name: the run's.
            place: what messages call the storage.
            imports: whether rows may import the modules of types ``module:Class``.
        """
        self._database = storage if isinstance(storage, RDBStorage) else None
        self.storage = SoleWriterStorage(storage) if isinstance(storage, RDBStorage) else storage
        self.name = name
        self.place = place
        self._imports = imports
        self._rows: dict[tuple[Kind, int], tuple[FrozenTrial, Evaluation]] = {}

    @classmethod
    def create(cls, config: SearchConfig, run: RunFolder) -> Ledger:
        """Start a run's ledger.

        Raises:
            RunError: the storage cannot be reached, or holds a run of this name.
        """
        run_id = run.run_id
        database, place = connect(config.storage, run.ledger_file)
        ledger = cls(database, config.name, place, imports=run.is_trusted)
        directions = [METRICS[objective].direction for objective in config.objectives]
        try:
            study = optuna.create_study(
                study_name=config.name, storage=ledger.storage, directions=directions
            )
            if run_id is not None:
                study.set_user_attr(RUN_ID, run_id)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                study.set_metric_names(list(config.objectives))
            for kind in SUFFIXES:
                if kind != "search":
                    name = ledger.study_name(kind)
                    optuna.create_study(
                        study_name=name, storage=ledger.storage, direction=OF_TRAININGS.direction
                    )
            study.set_user_attr("format", FORMAT)  # last: a ledger that has it is whole
        except DuplicatedStudyError as error:
            raise _taken(place, config.name) from error
        except STORAGE_ERRORS as error:
            raise unreadable(place, error) from error
        return ledger

    @classmethod
    def resume(cls, config: SearchConfig, run: RunFolder) -> Ledger:
        """The ledger of a run to go on with; made if the run died before it was whole.

        Raises:
            RunError: see :meth:`open`.
        """
        if config.storage is None and not run.ledger_file.is_file():
            return cls.create(config, run)
        database, place = connect(config.storage, run.ledger_file)
        ledger = cls(database, config.name, place, imports=run.is_trusted)
        try:
            names = optuna.get_all_study_names(ledger.storage)
            begun = [name for name in map(ledger.study_name, SUFFIXES) if name in names]
            if config.name in begun:
                search = ledger.study("search")
                is_whole = search.user_attrs.get("format") == FORMAT
                if is_whole or RUN_ID in search.user_attrs:
                    ledger._check_own(search.user_attrs, run)
                if is_whole:
                    return ledger
                if search.get_trials(deepcopy=False):
                    return cls.open(config, run)  # which says what is wrong with it
            for name in begun:
                optuna.delete_study(study_name=name, storage=ledger.storage)
        except READ_ERRORS as error:
            raise unreadable(place, error) from error
        return cls.create(config, run)

    @classmethod
    def open(cls, config: SearchConfig, run: RunFolder) -> Ledger:
        """A run's ledger, to write to.

        Raises:
            RunError: see :meth:`read`.
        """
        # before anything is made in what is no ledger
        cls.read(config, run).close()
        database, place = connect(config.storage, run.ledger_file)
        return cls(database, config.name, place, imports=run.is_trusted)

    @classmethod
    def read(cls, config: SearchConfig, run: RunFolder) -> Ledger:
        """A run's ledger, in which nothing is created or altered.

        Raises:
            RunError: it is missing, not a readable ledger, or that of another run of this name.
        """
        database, place = connect_for_reading(config.storage, run.ledger_file)
        ledger = cls(database, config.name, place, imports=run.is_trusted)
        try:
            attributes = ledger.study("search").user_attrs
        except KeyError as error:
            raise RunError(f"the storage {place} holds no run called {config.name!r}") from error
        except READ_ERRORS as error:
            raise unreadable(place, error) from error
        found = attributes.get("format")
        if found != FORMAT:
            raise RunError(f"the ledger {place} has format {found}, this version reads {FORMAT}")
        ledger._check_own(attributes, run)
        return ledger

    def close(self) -> None:
        """Let go of the storage's connections.

        SQLite empties its write-ahead file when the last connection closes, if that one may write.
        """
        if self._database is not None:
            self._database.engine.dispose()

    def _check_own(self, attributes: Mapping[str, Any], run: RunFolder) -> None:
        """See that the search's study was begun by ``run``, not by another run of its name."""
        if attributes.get(RUN_ID) != run.run_id:
            raise RunError(
                f"the run called {self.name!r} in {self.place} is not that of the folder "
                f"{run.path}: their run_id differ ({attributes.get(RUN_ID)} and {run.run_id}, of "
                "environment.json)"
            )

    @contextmanager
    def one_transaction(self) -> Iterator[None]:
        """Write all that the block writes, or nothing: see :mod:`nas.storage.database`.

        Raises:
            RunError: the storage refused something.
        """
        if self._database is None:
            yield
            return
        try:
            with one_transaction(self._database):
                yield
        except STORAGE_ERRORS as error:
            reason = reason_of(error)
            raise RunError(f"cannot go on with the ledger {self.place}: {reason}") from error

    def study_name(self, kind: Kind) -> str:
        """What one of the run's studies is called in the storage."""
        return self.name + SUFFIXES[kind]

    def study(self, kind: Kind) -> optuna.Study:
        """One of the run's studies."""
        return optuna.load_study(study_name=self.study_name(kind), storage=self.storage)

    def evaluations(self, kind: Kind = "search") -> list[Evaluation]:
        """All rows of a study, by number. A trial that never got an architecture is no row.

        Raises:
            RunError: the ledger cannot be read.
        """
        rows, damaged = [], {}
        for trial in self.trials(kind):
            if "architecture" not in trial.user_attrs:
                if trial.state in WITH_ARCHITECTURE:
                    damaged[trial.number] = "its architecture is missing"
                continue
            try:
                rows.append(self._row(kind, trial))
            except ValueError as error:  # pydantic's ValidationError is one
                if isinstance(error, ValidationError) and not_imported(error):
                    raise unreadable(self.place, error) from error
                damaged[trial.number] = reason(error)
        if damaged:
            name = self.study_name(kind)
            raise unreadable(self.place, damaged_rows(name, damaged, len(rows)))
        return rows

    def trials(self, kind: Kind = "search") -> list[FrozenTrial]:
        """All trials of a study, by number; not to be changed.

        Raises:
            RunError: the ledger cannot be read.
        """
        try:
            return self.study(kind).get_trials(deepcopy=False)
        except READ_ERRORS as error:
            raise unreadable(self.place, error) from error

    def attribute(self, name: str) -> Any:
        """What the search's study keeps under a name; None if nothing.

        Raises:
            RunError: the ledger cannot be read.
        """
        try:
            return self.study("search").user_attrs.get(name)
        except READ_ERRORS as error:
            raise unreadable(self.place, error) from error

    def rejections(self) -> Rejections:
        """What the limits turned away.

        Raises:
            RunError: the ledger cannot be read.
        """
        try:
            return Rejections(self.attribute("rejections"))
        except READ_ERRORS as error:
            raise RunError(f"the ledger {self.place}: rejections: {reason(error)}") from error

    def rest(self, number: int) -> None:
        """Nothing is written to an unfinished trial of the search from now on."""
        if isinstance(self.storage, SoleWriterStorage):
            self.storage.rest(*self._ids_of(number))

    def wake(self, number: int) -> None:
        """A trial of the search that rests will be written to."""
        if isinstance(self.storage, SoleWriterStorage):
            self.storage.wake(*self._ids_of(number))

    def _ids_of(self, number: int) -> tuple[int, int]:
        study_id = self.storage.get_study_id_from_name(self.name)
        return study_id, self.storage.get_trial_id_from_study_id_trial_number(study_id, number)

    def _row(self, kind: Kind, trial: FrozenTrial) -> Evaluation:
        """A trial as a row; ledgers are read again and again while a search runs."""
        of, row = self._rows.get((kind, trial.number), (None, None))
        if of is not trial or row is None:  # another object where it was read anew
            row = evaluation_of(kind, trial, imports=self._imports)
            self._rows[kind, trial.number] = (trial, row)
        return row

    def architecture_attributes(
        self, number: int, architecture: Architecture, *, seed: int, recipe_id: str
    ) -> dict[str, Any]:
        """What a trial's row says of its architecture."""
        return row_attributes(architecture, seed=seed, recipe_id=recipe_id)

    def training_attributes(
        self,
        number: int,
        metrics: Mapping[str, float],
        result: EvaluationResult,
        latency: Latency | None,
    ) -> dict[str, Any]:
        """What a trial's row says of its training."""
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
    ) -> Evaluation:
        """Add a finished row to a study other than the search's own, in one step.

        The arguments are the row's fields, see :class:`nas.storage.evaluation.Evaluation`.

        Raises:
            ValueError: a metric is not finite; nothing is written.
        """
        check_finite(metrics, architecture.arch_id)
        study = self.study(kind)
        study.add_trial(
            create_trial(
                state=TrialState.FAIL if error else TrialState.COMPLETE,
                values=None if error else [metrics[OF_TRAININGS.name]],
                user_attrs=row_attributes(
                    architecture, seed=seed, recipe_id=recipe_id, training=training
                )
                | result_attributes(metrics, curve, device_seconds, error),
                intermediate_values=curve_points(curve),
            )
        )
        return evaluation_of(kind, study.get_trials(deepcopy=False)[-1], imports=self._imports)


def check_free(config: SearchConfig) -> None:
    """See, before a run is made, that a ledger of its own can be begun in its storage.

    Raises:
        RunError: the storage cannot be reached, or holds a run of this name.
    """
    if config.storage is None:
        return
    database, place = connect(config.storage, Path())
    try:
        names = optuna.get_all_study_names(optuna.storages.get_storage(database))
    except STORAGE_ERRORS as error:
        raise unreadable(place, error) from error
    if config.name in names:
        raise _taken(place, config.name)


def _taken(place: str, name: str) -> RunError:
    return RunError(
        f"the storage {place} already holds a run called {name!r}; choose another name with "
        "name=..."
    )


def ledger_of(run: RunFolder, *, writes: bool = False) -> tuple[SearchConfig, Ledger]:
    """A run's configuration and the ledger that it names, for reading alone unless ``writes``.

    Raises:
        ConfigError: the configuration is wrong.
        RunError: see :meth:`Ledger.read`.
        TrustError: the ledger is not in the run's folder, or the configuration holds a ``${...}``,
            and the run is not trusted.
    """
    config = run.config()
    file = run.ledger_file if config.storage is None else sqlite_file(config.storage)
    if file is None or not file.resolve().is_relative_to(run.path.resolve()):
        place = file if config.storage is None else without_password(config.storage)
        run.need_trust(f"the run's ledger is not in its folder: {place} would be opened")
    return config, (Ledger.open if writes else Ledger.read)(config, run)
