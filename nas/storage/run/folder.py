"""A run's folder: ``runs/NAME``, written by the driver alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nas.atomic_write import replace_link
from nas.config.files import load_saved_config, save_config
from nas.config.search_config import LATEST, SearchConfig
from nas.config.trust import is_listed, refusal
from nas.errors import RunError, RunIsDrivenError
from nas.storage.database.sqlite_files import remove_database
from nas.storage.run.environment import environment
from nas.storage.run.leftovers import begun_folder, remove_begun_files, remove_begun_folders
from nas.storage.run.lock import held, is_held
from nas.storage.run.names import ARCHIVE, check_new
from nas.storage.run.state import STATE_FILE, RunState, read_state
from nas.storage.strict_json import json_text, read_json_object
from nas.storage.whole_file import unwritable, write_whole
from search_space.architecture import Task
from search_space.nearest import hint

ENVIRONMENT = "environment.json"

AFTER_THE_LEDGER = ("task.json", STATE_FILE, "latency.jsonl", "front.json", "paused", "retrain")
"""Files and folders of a run that a driver writes when it has made the ledger."""


class RunFolder:
    """The files of one run.

    Args:
        path: the folder.
        trust: the option ``--trust``: reading may act as the run's files say.

    Attributes:
        driver_ledger: the ledger on this machine's disk while this process holds it there, see
            :mod:`nas.storage.driver_ledger`; None if it does not.
    """

    def __init__(self, path: Path, *, trust: bool = False) -> None:
        self.path = path
        self.driver_ledger: Path | None = None
        self._trust = trust

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.name

    @property
    def config_file(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def ledger_file(self) -> Path:
        """The default ledger, or the copy of one that is on a driver's disk."""
        return self.path / "ledger.db"

    @property
    def written_ledger_file(self) -> Path:
        """The default ledger where this process writes to it."""
        return self.driver_ledger or self.ledger_file

    @property
    def archive_file(self) -> Path:
        """The ledger of an archived run, in place of :attr:`ledger_file`."""
        return self.path / ARCHIVE

    @property
    def is_archive(self) -> bool:
        """Whether the ledger is an archive, and no database."""
        return self.archive_file.is_file() and not self.ledger_file.is_file()

    @property
    def task_file(self) -> Path:
        """The task of the run's architectures."""
        return self.path / "task.json"

    @property
    def latency_file(self) -> Path:
        """Measured latencies, one JSON object a line."""
        return self.path / "latency.jsonl"

    @property
    def paused_folder(self) -> Path:
        """The states of paused trainings; the folder exists while any waits."""
        return self.path / "paused"

    @property
    def retrain_folder(self) -> Path:
        """One folder for each full training."""
        return self.path / "retrain"

    @classmethod
    def create(cls, runs: Path, config: SearchConfig) -> RunFolder:
        """Make ``runs/NAME`` with its configuration, environment and a :attr:`run_id` of its own.

        Raises:
            RunError: it exists, or cannot be written.
        """
        check_new(runs, config.name)
        remove_begun_folders(runs)
        run = cls(runs / config.name)
        # Made under another name and then renamed, so that a run's folder is complete or missing.
        begun = cls(begun_folder(run.path))
        try:
            begun.path.mkdir(parents=True)
            save_config(config, begun.config_file)
            begun.write_json(ENVIRONMENT, environment(config.seed))
            begun.path.rename(run.path)
        except OSError as error:
            shutil.rmtree(begun.path, ignore_errors=True)
            raise RunError(f"cannot make {run.path}: {error.strerror or error}") from error
        return run

    def remove(self) -> None:
        """Remove a run that has not begun, with its ledger on this machine's disk.

        Raises:
            RunError: it cannot be removed.
        """
        try:
            shutil.rmtree(self.path)
            if self.driver_ledger is not None:
                remove_database(self.driver_ledger)
                self.driver_ledger = None
        except OSError as error:
            raise RunError(f"cannot remove {self.path}: {error.strerror or error}") from error

    def point_latest_here(self) -> None:
        """Make ``latest`` name this run.

        Raises:
            RunError: the folder of all runs cannot be written; an earlier link stays.
        """
        link = self.path.parent / LATEST
        try:
            replace_link(link, self.path.name)
        except OSError as error:
            raise unwritable(link, error) from error

    def save_config(self, config: SearchConfig) -> None:
        """Write the configuration of a resumed run.

        Raises:
            RunError: it cannot be written; the earlier one stays.
        """
        try:
            save_config(config, self.config_file)
        except OSError as error:
            raise unwritable(self.config_file, error) from error

    def has_begun(self) -> bool:
        """Whether a ledger was made for this run, by the files that are written after it."""
        return any((self.path / name).exists() for name in AFTER_THE_LEDGER)

    def restore_environment(self, run_id: str | None, seed: int) -> None:
        """Write a lost ``environment.json`` anew, with the ``run_id`` that the ledger has.

        Raises:
            RunError: it cannot be written.
        """
        anew = environment(seed) | {"run_id": run_id, "written_anew": True}
        self.write_json(ENVIRONMENT, anew)

    def has_interrupted_retraining(self) -> bool:
        """Whether full trainings were begun and not finished: each that is leaves a report."""
        begun = self.retrain_folder.glob("*/recipe.yaml")
        return any(not (file.parent / "report.json").is_file() for file in begun)

    @classmethod
    def around(cls, file: Path, *, trust: bool = False) -> RunFolder | None:
        """Return the run in whose folder a file is; None if there is none.

        ``trust`` is as for the constructor.
        """
        runs = (cls(folder, trust=trust) for folder in file.resolve().parents)
        return next((run for run in runs if run.config_file.is_file()), None)

    @property
    def is_trusted(self) -> bool:
        """Whether reading may act as the run's files say: see :mod:`nas.config.trust`."""
        return self._trust or is_listed(self.config_file)

    def need_trust(self, act: str) -> None:
        """Refuse to act as an untrusted run's files say.

        Args:
            act: the act and the run's key that asks for it; for the message.

        Raises:
            TrustError: the run is not trusted.
        """
        if not self.is_trusted:
            raise refusal(str(self.config_file), act)

    @classmethod
    def find(cls, name: str, runs: Path, *, trust: bool = False) -> RunFolder:
        """Return the run of that name in ``runs``, the run at that path, or the latest one.

        ``trust`` is as for the constructor.

        Raises:
            RunError: there is none; the message has the nearest name, or lists all names.
        """
        for path in (runs / name, Path(name)):
            if (path / "config.yaml").is_file():
                return cls(path.resolve(), trust=trust)
        known = sorted(
            path.parent.name for path in runs.glob("*/config.yaml") if not path.parent.is_symlink()
        )
        if not known:
            raise RunError(f"no run {name!r}; there are none in {runs}")
        raise RunError(f"no run {name!r} in {runs}; {hint(name, known)}")

    def config(self) -> SearchConfig:
        """Read the run's configuration.

        Raises:
            ConfigError: the file was changed and is not valid.
            TrustError: it holds a ``${...}``, and the run is not trusted.
        """
        return load_saved_config(self.config_file, trusted=self.is_trusted)

    @property
    def run_id(self) -> str | None:
        """A random number that tells runs of one name apart; None in runs of early versions.

        Raises:
            RunError: ``environment.json`` is damaged.
        """
        file = self.path / ENVIRONMENT
        return read_json_object(file).get("run_id") if file.is_file() else None

    @property
    def has_environment(self) -> bool:
        """Whether ``environment.json`` is there."""
        return (self.path / ENVIRONMENT).is_file()

    def task(self) -> Task:
        """Read the task of the run's architectures.

        Raises:
            RunError: ``task.json`` is missing or damaged.
        """
        try:
            return Task.from_json(json.dumps(read_json_object(self.task_file)))
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(map(str, problem["loc"]))
            raise RunError(f"{self.task_file} cannot be read: {place}: {problem['msg']}") from error

    def write_json(self, name: str, data: Any) -> None:
        """Write one of the folder's JSON files, whole or not at all."""
        write_whole(self.path / name, json_text(data) + "\n")

    @contextmanager
    def driving(self, *, tidies: bool = True) -> Iterator[None]:
        """Hold the run for this process, so that no second one writes to it.

        Args:
            tidies: remove what killed processes were writing.

        Raises:
            RunIsDrivenError: another process holds it.
            RunError: the folder cannot be written.
        """
        in_use = RunIsDrivenError(f"run {self.name!r} is being driven by another process")
        with held(self._lock_file, in_use=in_use):
            if tidies:
                remove_begun_folders(self.path.parent)
                remove_begun_files(self.path)
            yield

    def state(self) -> RunState:
        """Return what the run's driver wrote last.

        Raises:
            RunError: ``state.json`` is damaged.
        """
        return read_state(self.path)

    def write_state(self, state: RunState) -> None:
        """Write the run's state, whole or not at all."""
        self.write_json(STATE_FILE, state.to_json())

    def is_driven(self) -> bool:
        """Return whether a living process drives the run, without writing anything.

        Raises:
            RunError: the lock cannot be read, so that it is unknown.
        """
        try:
            return is_held(self._lock_file)
        except OSError as error:
            raise RunError(f"cannot read {self._lock_file}: {error.strerror or error}") from error

    @property
    def _lock_file(self) -> Path:
        return self.path / "driver.lock"
