"""A run under examination: its folder, and what could be read of it so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from optuna.storages import RDBStorage

from nas.config.search_config import SearchConfig
from nas.config.storage_url import place_of
from nas.errors import RunError
from nas.search.problem import space_of
from nas.storage.database.connection import connect, connect_for_reading
from nas.storage.database.patience import Patience
from nas.storage.evaluation import Evaluation, Kind
from nas.storage.run.folder import RunFolder
from nas.storage.run.state import STATE_FILE
from nas.storage.strict_json import read_json_object
from search_space.architecture import Task
from search_space.space import SearchSpace

KNOWN_FILES = (
    *("config.yaml", "data.json", "environment.json"),
    *("ledger.db", STATE_FILE, "task.json"),
)
"""A folder with one of these is a run's, whatever else it lacks."""


@dataclass
class Case:
    """A run under examination.

    Attributes:
        run: its folder.
        is_driven: whether a living process drives it.
        loaded: its configuration; None if it cannot be read.
        task: its task; None if it cannot be read.
        rows: the rows of each study that can be read; None if the ledger cannot be.
        run_id: the run that the ledger says it is of; None if it says nothing.
        knows_run_id: whether that could be read.
    """

    run: RunFolder
    is_driven: bool
    loaded: SearchConfig | None = None
    task: Task | None = None
    rows: dict[Kind, list[Evaluation]] | None = None
    run_id: str | None = None
    knows_run_id: bool = False
    _reader: list[tuple[RDBStorage, str]] = field(default_factory=list)
    _writer: list[RDBStorage] = field(default_factory=list)

    @property
    def config(self) -> SearchConfig:
        """The configuration; nothing that needs it is examined where there is none."""
        assert self.loaded is not None
        return self.loaded

    @cached_property
    def space(self) -> SearchSpace:
        """The run's search space."""
        return space_of(self.config)

    @property
    def is_finished(self) -> bool:
        """Whether ``state.json`` says that the search has ended; False if it cannot be read."""
        try:
            return self.run.state().finished
        except RunError:
            return False

    def place(self, file: Path) -> str:
        """Return a file's name in messages: relative to the run's folder, if it is in it."""
        return str(file.relative_to(self.run.path) if file.is_relative_to(self.run.path) else file)

    def reader(self) -> tuple[RDBStorage, str]:
        """Return the ledger's database, opened once to read, and its name in messages.

        Raises:
            RunError: see :func:`nas.storage.database.connection.connect_for_reading`.
        """
        if not self._reader:
            url, file = self.config.storage, self.run.ledger_file
            place = place_of(url, file)
            self._reader.append((connect_for_reading(url, file, Patience(place)), place))
        return self._reader[0]

    def close_reader(self) -> None:
        """Close the database before anything is written to it."""
        while self._reader:
            self._reader.pop()[0].engine.dispose()

    def writer(self) -> RDBStorage:
        """Return the ledger's database, opened to write; :meth:`close` closes it."""
        if not self._writer:
            url, file = self.config.storage, self.run.ledger_file
            self._writer.append(connect(url, file, Patience(place_of(url, file))))
        return self._writer[0]

    def close(self) -> None:
        """Close the ledger's database."""
        while self._writer:
            self._writer.pop().engine.dispose()


def find_run(name: str, runs: Path, *, trust: bool = False) -> RunFolder:
    """Return the run of that name, also one without its configuration.

    Raises:
        RunError: there is none, or it is an archive.
    """
    run = _find_run(name, runs, trust=trust)
    if run.is_archive:
        raise RunError(
            f"run {run.name!r} is an archive: its ledger is {run.archive_file}, which is checked "
            "wherever it is read; there is nothing to repair"
        )
    return run


def _find_run(name: str, runs: Path, *, trust: bool) -> RunFolder:
    for path in (runs / name, Path(name)):
        if path.is_dir() and any((path / file).exists() for file in KNOWN_FILES):
            return RunFolder(path.resolve(), trust=trust)
    return RunFolder.find(name, runs, trust=trust)


def json_problem(file: Path) -> tuple[dict[str, Any] | None, str]:
    """Read a JSON object; return it, or None and why it cannot be read."""
    try:
        return read_json_object(file), ""
    except RunError as error:
        return None, str(error).removeprefix(f"{file} ")
