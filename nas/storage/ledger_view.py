"""A run's ledger as its readers see it: the rows of its studies, and what else is recorded.

Two classes are ledgers: :class:`nas.storage.ledger_reader.LedgerReader`, which starts fast and only
reads, and :class:`nas.storage.ledger.Ledger`, through which a driver reads and writes by Optuna.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nas.costs.limits import Rejections
from nas.errors import RunError
from nas.storage.database.damage_text import damage_text, reason
from nas.storage.evaluation import (
    WITH_ARCHITECTURE,
    Evaluation,
    Kind,
    TrialRecord,
    evaluation_of,
)
from nas.storage.run.folder import RunFolder
from nas.storage.sessions import Session, sessions_in
from search_space.primitives.registry import not_imported

FORMAT = 1

RUN_ID = "run_id"
"""The attribute of the search's study that names its run: folders may share a storage and a name.
"""

SUFFIXES: dict[Kind, str] = {
    "search": "",
    "repeats": "/repeats",
    "baselines": "/baselines",
    "retrain": "/retrain",
}

OF_ANOTHER_KIND = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""The errors of an attribute that is there, and is not what it should be."""


class LedgerView(ABC):
    """The studies of one run, to read.

    Args:
        name: the run's.
        place: the storage's name in messages.
        imports: whether rows may import the modules of types ``module:Class``.
    """

    def __init__(self, name: str, place: str, *, imports: bool = False) -> None:
        self.name = name
        self.place = place
        self._imports = imports
        self._rows: dict[tuple[Kind, int], tuple[TrialRecord, Evaluation]] = {}

    @abstractmethod
    def records(self, kind: Kind = "search") -> Sequence[TrialRecord]:
        """Return all trials of a study, by number; one that did not change is the same object.

        Raises:
            RunError: the ledger cannot be read.
        """

    @abstractmethod
    def attributes(self) -> dict[str, Any]:
        """Return the user attributes of the search's study.

        Raises:
            RunError: the ledger cannot be read, or there is no such study.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the storage's connections."""

    def study_name(self, kind: Kind) -> str:
        """Return the name of one of the run's studies in the storage."""
        return self.name + SUFFIXES[kind]

    def evaluations(self, kind: Kind = "search") -> list[Evaluation]:
        """Return all rows of a study, by number. A trial without an architecture is no row.

        Raises:
            RunError: the ledger cannot be read.
        """
        rows, damaged = [], {}
        for trial in self.records(kind):
            if "architecture" not in trial.attributes:
                if trial.state in WITH_ARCHITECTURE:
                    damaged[trial.number] = "its architecture is missing"
                continue
            try:
                rows.append(self._row(kind, trial))
            except ValueError as error:  # pydantic's ValidationError is one
                if isinstance(error, ValidationError) and (untrusted := not_imported(error)):
                    raise RunError(f"{self.place}: an architecture's {untrusted}") from error
                damaged[trial.number] = reason(error)
        if damaged:
            raise self._damaged(self.study_name(kind), damaged, len(rows))
        return rows

    def attribute(self, name: str) -> Any:
        """Return a user attribute of the search's study; None if it has none of this name.

        Raises:
            RunError: the ledger cannot be read.
        """
        return self.attributes().get(name)

    def rejections(self) -> Rejections:
        """Return the record of the limits' rejections.

        Raises:
            RunError: the ledger cannot be read.
        """
        try:
            return Rejections(self.attribute("rejections"))
        except OF_ANOTHER_KIND as error:
            raise RunError(f"the ledger {self.place}: rejections: {reason(error)}") from error

    def sessions(self) -> list[Session]:
        """Return the sessions of the search's drivers, the first one first.

        Raises:
            RunError: the ledger cannot be read.
        """
        try:
            return sessions_in(self.attributes())
        except OF_ANOTHER_KIND as error:
            raise RunError(f"the ledger {self.place}: sessions: {reason(error)}") from error

    def check_is_of(self, run: RunFolder) -> None:
        """Check that this version reads the ledger, and that it is the run's.

        Raises:
            RunError: it has another format, or is that of another run of this name.
        """
        attributes = self.attributes()
        ledger_format = attributes.get("format")
        if ledger_format != FORMAT:
            raise RunError(
                f"the ledger {self.place} has format {ledger_format}, this version reads {FORMAT}"
            )
        self.check_own(attributes, run)

    def check_own(self, attributes: Mapping[str, Any], run: RunFolder) -> None:
        """Check that ``run`` began the search's study, and not another run of its name.

        Without ``environment.json``, the only run of the name in the storage counts as that of a
        folder that had a ledger.

        Args:
            attributes: of the search's study.
            run: the folder.

        Raises:
            RunError: another run began it.
        """
        if not run.has_environment and (run.has_begun() or self._is_inside(run)):
            return
        if attributes.get(RUN_ID) != run.run_id:
            raise RunError(
                f"the run called {self.name!r} in {self.place} is not that of the folder "
                f"{run.path}: their run_id differ ({attributes.get(RUN_ID)} and {run.run_id}, of "
                "environment.json)"
            )

    def _is_inside(self, run: RunFolder) -> bool:
        """Return whether the ledger is a file in the run's own folder."""
        return Path(self.place).resolve() == run.written_ledger_file.resolve()

    def _damaged(self, study: str, damaged: Mapping[int, str], readable: int) -> RunError:
        text = damage_text(study, damaged, readable)
        return RunError(f"the ledger {self.place} is damaged: {text}")

    def _row(self, kind: Kind, trial: TrialRecord) -> Evaluation:
        """Return a trial's row, read once: a ledger is read often while a search runs."""
        known, row = self._rows.get((kind, trial.number), (None, None))
        if known is not trial or row is None:  # a trial that was read anew is another object
            row = evaluation_of(kind, trial, imports=self._imports)
            self._rows[kind, trial.number] = (trial, row)
        return row
