"""Read a run's ledger, without Optuna: from its database by SQL, or from its archive."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from nas.config.search_config import SearchConfig
from nas.config.storage_url import sqlite_file, without_password
from nas.errors import RunError
from nas.storage.archived_trials import ArchivedTrials
from nas.storage.database.damage_text import damage_text, reason
from nas.storage.database.selection import Selection, open_selection
from nas.storage.evaluation import Kind, TrialRecord
from nas.storage.ledger_view import LedgerView
from nas.storage.run.folder import RunFolder
from nas.storage.run.ledger_away import ledger_away

log = logging.getLogger(__name__)


class Studies(Protocol):
    """Studies by their names in a storage."""

    place: str

    def attributes(self, study: str) -> dict[str, Any] | None:
        """Return the user attributes of a study; None if there is none of this name."""

    def records(self, study: str) -> list[TrialRecord] | None:
        """Return the trials of a study, by number; None if there is none of this name."""

    def close(self) -> None:
        """Close the storage."""


class LedgerReader(LedgerView):
    """The studies of one run, each of which is read once.

    Args:
        studies: of the run, perhaps with those of others.
        name: the run's.
        imports: whether rows may import the modules of types ``module:Class``.
    """

    def __init__(self, studies: Studies, name: str, *, imports: bool = False) -> None:
        super().__init__(name, studies.place, imports=imports)
        self._studies = studies
        self._read: dict[Kind, Sequence[TrialRecord]] = {}
        self._attributes: dict[str, Any] | None = None

    @classmethod
    def read(cls, config: SearchConfig, run: RunFolder) -> LedgerReader:
        """Open a run's ledger; nothing is created or altered.

        Raises:
            RunError: it is missing, not a readable ledger, or that of another run of this name.
        """
        studies: Studies
        if config.storage is None and run.is_archive:
            studies = ArchivedTrials(run.archive_file, config.name)
        else:
            studies = StoredStudies(open_selection(config.storage, run.written_ledger_file))
        ledger = cls(studies, config.name, imports=run.is_trusted)
        ledger.check_is_of(run)
        return ledger

    def records(self, kind: Kind = "search") -> Sequence[TrialRecord]:
        """Return all trials of a study, by number."""
        if kind not in self._read:
            records = self._studies.records(self.study_name(kind))
            if records is None:
                raise RunError(f"the storage {self.place} holds no study {self.study_name(kind)!r}")
            self._read[kind] = records
        return self._read[kind]

    def attributes(self) -> dict[str, Any]:
        """Return the user attributes of the search's study."""
        if self._attributes is None:
            self._attributes = self._studies.attributes(self.name)
        if self._attributes is None:
            raise RunError(f"the storage {self.place} holds no run called {self.name!r}")
        return self._attributes

    def close(self) -> None:
        """Close the storage's connections."""
        self._studies.close()


class StoredStudies:
    """Studies in Optuna's tables; see :class:`Studies`.

    Args:
        selection: of their rows.
    """

    def __init__(self, selection: Selection) -> None:
        self.place = selection.place
        self._selection = selection

    def attributes(self, study: str) -> dict[str, Any] | None:
        """Return the user attributes of a study."""
        study_id = self._id_of(study)
        if study_id is None:
            return None
        query = "SELECT key, value_json FROM study_user_attributes WHERE study_id = :study"
        try:
            return {
                name: json.loads(text) for name, text in self._selection.rows(query, study=study_id)
            }
        except ValueError as error:
            raise RunError(
                f"{self.place} is not a ledger that can be read: {reason(error)}"
            ) from error

    def records(self, study: str) -> list[TrialRecord] | None:
        """Return the trials of a study, by number.

        Trials are selected before their attributes: those of a trial that has ended are all there.
        """
        study_id = self._id_of(study)
        if study_id is None:
            return None
        trials = self._selection.rows(
            "SELECT trial_id, number, state, datetime_start, datetime_complete FROM trials "
            "WHERE study_id = :study ORDER BY number",
            study=study_id,
        )
        attributes: dict[int, dict[str, str]] = defaultdict(dict)
        for trial_id, name, text in self._selection.rows(
            "SELECT trial_id, key, value_json FROM trial_user_attributes "
            "WHERE trial_id IN (SELECT trial_id FROM trials WHERE study_id = :study)",
            study=study_id,
        ):
            attributes[trial_id][name] = text
        records, damaged = [], {}
        for trial_id, number, state, *moments in trials:
            try:
                started, finished = map(_local, moments)
            except ValueError as error:
                damaged[number] = reason(error)
                continue
            records.append(TrialRecord(number, state, attributes[trial_id], started, finished))
        if damaged:
            text = damage_text(study, damaged, len(records))
            raise RunError(f"the ledger {self.place} is damaged: {text}")
        return records

    def close(self) -> None:
        """Close the connections."""
        self._selection.close()

    def _id_of(self, study: str) -> int | None:
        query = "SELECT study_id FROM studies WHERE study_name = :name"
        rows = self._selection.rows(query, name=study)
        return rows[0][0] if rows else None


def _local(moment: str | datetime | None) -> datetime | None:
    """Return a moment of Optuna's tables, which is UTC, in local time, as Optuna does."""
    if moment is None:
        return None
    utc = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return utc.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)


def ledger_to_read(run: RunFolder) -> tuple[SearchConfig, LedgerReader]:
    """Return a run's configuration, and its ledger, opened to read.

    Raises:
        ConfigError: the configuration is wrong.
        RunError: see :meth:`LedgerReader.read`.
        TrustError: see :func:`check_may_open`.
    """
    config = run.config()
    check_may_open(config, run)
    warn_if_away(run)
    return config, LedgerReader.read(config, run)


def check_may_open(config: SearchConfig, run: RunFolder) -> None:
    """Check that a run's ledger is in its folder, or the run trusted.

    Raises:
        TrustError: the ledger is elsewhere, or the configuration holds a ``${...}``, and the run is
            not trusted.
    """
    file = run.ledger_file if config.storage is None else sqlite_file(config.storage)
    if file is None or not file.resolve().is_relative_to(run.path.resolve()):
        place: str | Path | None = (
            file if config.storage is None else without_password(config.storage)
        )
        run.need_trust(f"the run's ledger is not in its folder: {place} would be opened")


def warn_if_away(run: RunFolder) -> None:
    """Warn that a copy of the ledger is read, where the ledger itself is on a driver's disk."""
    if away := ledger_away(run):
        log.warning("run %s: %s, which is read", run.name, away)
