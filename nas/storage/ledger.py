"""The ledger: every proposal of a run and its result, in a database. Make, open and check one.

:mod:`nas.storage.ledger_rows` reads and writes its rows. Only the driver writes: a row's proposal
and its end are each one transaction.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning
from optuna.storages import BaseStorage, RDBStorage

from nas.config.search_config import SearchConfig
from nas.config.storage_url import place_of, sqlite_file
from nas.errors import RunError
from nas.metrics import METRICS
from nas.storage.archive import archived_storage, restore
from nas.storage.database.connection import (
    STORAGE_ERRORS,
    SoleWriterStorage,
    connect,
    connect_for_reading,
    unreadable,
)
from nas.storage.database.patience import Patience, Waits
from nas.storage.driver_ledger import check_file_systems, check_is_back, on_driver
from nas.storage.ledger_reader import check_may_open, warn_if_away
from nas.storage.ledger_rows import OF_TRAININGS, LedgerRows
from nas.storage.ledger_view import FORMAT, RUN_ID, SUFFIXES
from nas.storage.run.folder import RunFolder

log = logging.getLogger(__name__)

# Optuna announces every study and trial; the run has its own progress display.
optuna.logging.set_verbosity(optuna.logging.WARNING)
logging.getLogger("alembic").setLevel(logging.WARNING)
# Optuna warns, with the statement in full, whenever it reads trials in another way after an error.
logging.getLogger("optuna.storages").setLevel(logging.ERROR)


class Ledger(LedgerRows):
    """A run's studies and their database. Get one by :meth:`create`, :meth:`open` or the like.

    Arguments are those of :class:`LedgerRows`.
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
        self._database = storage if isinstance(storage, RDBStorage) else None
        writer = storage if self._database is None else SoleWriterStorage(self._database)
        super().__init__(writer, name, place, imports=imports, patience=patience)

    @classmethod
    def create(cls, config: SearchConfig, run: RunFolder, waits: Waits | None = None) -> Ledger:
        """Start a run's ledger.

        Args:
            config: of the run.
            run: its folder.
            waits: says that a server that is away is waited for; None waits for none.

        Raises:
            RunError: the storage cannot be reached, or holds a run of this name.
        """
        ledger = cls._connected(config, run, waits)
        try:
            ledger.transact(partial(ledger._make_studies, config, run.run_id))
        except DuplicatedStudyError as error:
            raise _taken(ledger.place, config.name) from error
        return ledger

    @classmethod
    def resume(cls, config: SearchConfig, run: RunFolder, waits: Waits | None = None) -> Ledger:
        """Open the ledger of a run to resume; make it if the run died before it was complete.

        Raises:
            RunError: see :meth:`open`.
        """
        file = run.written_ledger_file if config.storage is None else sqlite_file(config.storage)
        if file is not None and not file.is_file() and not run.is_archive:
            _check_not_lost(config, run)
            return cls.create(config, run, waits)
        ledger = cls._connected(config, run, waits)
        names = ledger.transact(lambda: optuna.get_all_study_names(ledger.storage))
        begun = [name for name in map(ledger.study_name, SUFFIXES) if name in names]
        if config.name in begun:
            attributes = ledger.attributes()
            is_whole = attributes.get("format") == FORMAT
            if is_whole or RUN_ID in attributes:
                ledger.check_own(attributes, run)
            if is_whole:
                if not run.has_environment:
                    ledger._restore_environment(attributes, run, config)
                return ledger
            if ledger.trials():
                return cls.open(config, run)  # raises, and says what is wrong with it

        _check_not_lost(config, run)

        def remove() -> None:
            for name in begun:
                optuna.delete_study(study_name=name, storage=ledger.storage)

        ledger.transact(remove)
        return cls.create(config, run, waits)

    @classmethod
    def open(cls, config: SearchConfig, run: RunFolder, waits: Waits | None = None) -> Ledger:
        """Open a run's ledger to write to it.

        Raises:
            RunError: see :meth:`read`.
        """
        # checks it, before tables are made in another database
        cls.read(config, run, waits).close()
        check_is_back(run)
        return cls._connected(config, run, waits)

    @classmethod
    def read(cls, config: SearchConfig, run: RunFolder, waits: Waits | None = None) -> Ledger:
        """Open a run's ledger to read it; nothing is created or altered.

        Raises:
            RunError: it is missing, not a readable ledger, or that of another run of this name.
        """
        patience = _patience(config, run, waits)
        database: BaseStorage
        if config.storage is None and run.is_archive:
            place = str(run.archive_file)
            database = archived_storage(run.archive_file, config.name)
        else:
            place = place_of(config.storage, run.written_ledger_file)
            database = connect_for_reading(config.storage, run.written_ledger_file, patience)
        ledger = cls(database, config.name, place, imports=run.is_trusted, patience=patience)
        ledger.check_is_of(run)
        return ledger

    @classmethod
    def _connected(cls, config: SearchConfig, run: RunFolder, waits: Waits | None) -> Ledger:
        """Connect to a run's database, to write to it; an archive's is made first."""
        patience = _patience(config, run, waits)
        if config.storage is None and run.is_archive:
            restore(run, config.name)
        database = connect(config.storage, run.written_ledger_file, patience)
        place = place_of(config.storage, run.written_ledger_file)
        return cls(database, config.name, place, imports=run.is_trusted, patience=patience)

    @contextmanager
    def written(self, config: SearchConfig, run: RunFolder) -> Iterator[None]:
        """Keep the ledger where it can be written to while the block runs, then read it again.

        Without ``ledger_folder`` it is, and stays, where it was opened. The caller holds the run.

        Raises:
            RunError: see :func:`nas.storage.driver_ledger.on_driver`.
        """
        with on_driver(config, run):
            if run.driver_ledger is None:
                yield
                return
            self._become(Ledger._connected(config, run, None))
            try:
                yield
            finally:
                self.close()
        self._become(Ledger.read(config, run))

    def _become(self, other: Ledger) -> None:
        """Use another ledger's database from now on."""
        self.close()
        self.__dict__ |= other.__dict__

    def _restore_environment(
        self, attributes: Mapping[str, Any], run: RunFolder, config: SearchConfig
    ) -> None:
        """Write the run's lost ``environment.json`` anew, and say what is assumed."""
        run_id = attributes.get(RUN_ID)
        if self._is_inside(run):
            assumed = "its run_id is that of the ledger in the folder"
        else:
            assumed = (
                f"the run {self.name!r} in {self.place} (run_id {run_id}) is assumed to be this "
                "folder's"
            )
        log.warning("%s has lost its environment.json, written anew: %s", run.path, assumed)
        run.restore_environment(run_id, config.seed)

    def _make_studies(self, config: SearchConfig, run_id: str | None) -> None:
        """Make a run's studies, in the caller's transaction."""
        directions = [METRICS[objective].direction for objective in config.objectives]
        study = optuna.create_study(
            study_name=config.name, storage=self.storage, directions=directions
        )
        if run_id is not None:
            study.set_user_attr(RUN_ID, run_id)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.set_metric_names(list(config.objectives))
        for kind in SUFFIXES:
            if kind != "search":
                name = self.study_name(kind)
                optuna.create_study(
                    study_name=name, storage=self.storage, direction=OF_TRAININGS.direction
                )
        study.set_user_attr("format", FORMAT)

    def close(self) -> None:
        """Close the storage's connections.

        SQLite empties its write-ahead file when the last connection closes, if that one may write.
        """
        if self._database is not None:
            self._database.engine.dispose()


def _patience(config: SearchConfig, run: RunFolder, waits: Waits | None) -> Patience:
    place = place_of(config.storage, run.written_ledger_file)
    return Patience(place, waits, config.search.patience_seconds)


def _check_not_lost(config: SearchConfig, run: RunFolder) -> None:
    """Refuse to begin a ledger anew for a run that had one.

    Raises:
        RunError: it had one.
    """
    if run.has_begun():
        place = place_of(config.storage, run.ledger_file)
        raise RunError(
            f"the ledger of run {run.name!r} is gone: {place} holds none, though the search had "
            "begun; put it back (ledger.db, and ledger.db-wal if there is one), or begin another "
            "search with name=..."
        )


def check_free(config: SearchConfig, runs: Path) -> None:
    """Check, before a run is made, that its storage can hold a new ledger of its name.

    Args:
        config: of the run.
        runs: the folder of all runs.

    Raises:
        RunError: the storage cannot be reached, is SQLite on a network file system, or holds a run
            of this name.
    """
    check_file_systems(config, runs / config.name)
    if config.storage is None:
        return
    place = place_of(config.storage, Path())
    database = connect(config.storage, Path(), Patience(place))
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


def ledger_of(
    run: RunFolder, *, writes: bool = False, waits: Waits | None = None
) -> tuple[SearchConfig, Ledger]:
    """Return a run's configuration and its ledger, opened for reading unless ``writes``.

    A ledger that is kept on drivers' disks is opened for reading too: within
    :meth:`Ledger.written` it is written to.

    ``waits`` says that a server that is away is waited for; None waits for none.

    Raises:
        ConfigError: the configuration is wrong.
        RunError: see :meth:`Ledger.read`; or it would be written on a network file system.
        TrustError: the ledger is not in the run's folder, or the configuration holds a ``${...}``,
            and the run is not trusted.
    """
    config = run.config()
    check_may_open(config, run)
    if not writes:
        warn_if_away(run)
        return config, Ledger.read(config, run, waits)
    check_file_systems(config, run.path)
    if config.ledger_folder is None:
        return config, Ledger.open(config, run, waits)
    run.need_trust(f"the run's ledger would be taken to ledger_folder={config.ledger_folder}")
    return config, Ledger.read(config, run, waits)
