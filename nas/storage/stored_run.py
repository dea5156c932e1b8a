"""A run that is known by its storage alone: the ledger's server tells what else a folder has.

A search with a ``storage`` of its own keeps its configuration, its task and its state there too, so
that `nas status` and `nas frontier` read it from a machine without its folder.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.config.overrides import escaped
from nas.config.search_config import RUN_NAME, SearchConfig
from nas.config.storage_url import PASSWORD_WAYS, check_storage_url, has_password
from nas.errors import CommandError, RunError
from nas.storage.database.selection import open_selection
from nas.storage.ledger_reader import LedgerReader, StoredStudies
from nas.storage.ledger_view import RUN_ID
from nas.storage.run.folder import ENVIRONMENT, RunFolder
from nas.storage.run.state import STATE_FILE, RunState
from nas.storage.sessions import SILENT_SECONDS, Session, sessions_in
from search_space.architecture import Task
from search_space.yaml_validation import dump_yaml

if TYPE_CHECKING:
    from nas.storage.ledger import Ledger

CONFIG, TASK, STATE, DESCRIBED = "config", "task", "state", "described"
"""The attributes of the search's study that describe its run, and when they were written."""


class StoredRun(RunFolder):
    """A run without its folder: the path is that of a temporary one, with what the storage tells.

    The user named the storage, so that it may be opened; what the storage says is not trusted.
    """

    def __init__(
        self, path: Path, *, described: datetime, sessions: list[Session], trust: bool
    ) -> None:
        super().__init__(path, trust=trust)
        self._described = described
        self._last = sessions[-1] if sessions else None

    def is_driven(self) -> bool:
        """Return whether the run's driver was heard a short time ago, by this machine's clock."""
        heard = self._described
        if self._last is not None:
            if self._last.ended and self._last.updated > heard:
                return False
            heard = max(heard, self._last.updated)
        return (
            not self.state().finished
            and (datetime.now(UTC) - heard).total_seconds() <= SILENT_SECONDS
        )

    def state(self) -> RunState:
        """Return what the run's driver wrote last; what it waits for is in its session."""
        waiting = "" if self._last is None else self._last.waiting
        return super().state().model_copy(update={"waiting": waiting})

    def need_trust(self, act: str) -> None:
        """Allow what only the storage's own URL asks for."""


def describe_run(ledger: Ledger, config: SearchConfig, task: Task, state: RunState) -> None:
    """Write what a run's folder says into its storage, if it has one of its own.

    Args:
        ledger: of the run.
        config: of the run.
        task: of the run's architectures.
        state: of its search.

    Raises:
        RunError: the storage cannot be written.
    """
    if config.storage is None:
        return
    description = {
        CONFIG: config.saved.model_dump(mode="json"),
        TASK: task.model_dump(mode="json"),
        STATE: state.to_json(),
        DESCRIBED: datetime.now(UTC).isoformat(),
    }
    ledger.transact(partial(_write, ledger, description))


@contextmanager
def run_at(name: str, runs: Path, *, storage: str | None, trust: bool) -> Iterator[RunFolder]:
    """Find a run in the folder of runs or, with ``storage``, by the URL of its storage.

    Args:
        name: of the run, or its path.
        runs: the folder of all runs.
        storage: a database's URL, without a password.
        trust: the option ``--trust``.

    Raises:
        CommandError: the URL has a password, or is none; or ``name`` is a path beside it.
        RunError: there is no such run, or the storage cannot be read.
    """
    if storage is None:
        yield RunFolder.find(name, runs, trust=trust)
        return
    _check(storage)
    if not RUN_NAME.fullmatch(name):
        raise CommandError(f"--storage: give the run's name, got {name!r}")
    attributes = _attributes(storage, name)
    with tempfile.TemporaryDirectory(prefix="convattn-run-") as parent:
        run = StoredRun(
            Path(parent) / name,
            described=datetime.fromisoformat(attributes[DESCRIBED]),
            sessions=sessions_in(attributes),
            trust=trust,
        )
        run.path.mkdir()
        content = escaped(attributes[CONFIG] | {"storage": storage})
        run.config_file.write_text(dump_yaml(content))
        run.write_json(run.task_file.name, attributes[TASK])
        run.write_json(ENVIRONMENT, {"run_id": attributes.get(RUN_ID)})
        run.write_json(STATE_FILE, attributes[STATE])
        yield run


def _check(storage: str) -> None:
    try:
        check_storage_url(storage)
    except ValueError as error:
        raise CommandError(f"--storage: {error}") from None
    if has_password(storage):
        raise CommandError(
            "--storage: other users see a command line, so that it must have no password; "
            f"{PASSWORD_WAYS}"
        )


def _attributes(storage: str, name: str) -> dict[str, Any]:
    """Return the description of a run.

    Raises:
        RunError: the storage cannot be read, or has none.
    """
    ledger = LedgerReader(StoredStudies(open_selection(storage, Path())), name)
    try:
        attributes = ledger.attributes()
    finally:
        ledger.close()
    if not all(isinstance(attributes.get(key), dict) for key in (CONFIG, TASK, STATE)):
        raise RunError(
            f"the run {name!r} in {ledger.place} is not described there: an earlier version made "
            "it, or it has not begun; read it in its folder, with --runs"
        )
    return attributes


def _write(ledger: Ledger, description: dict[str, Any]) -> None:
    study = ledger.study("search")
    for key, value in description.items():
        study.set_user_attr(key, value)
