"""A run's folder: ``runs/NAME``, written by the driver alone."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import ValidationError

from nas.atomic_write import replace_file
from nas.config.files import load_saved_config, save_config
from nas.config.search_config import LATEST, SearchConfig
from nas.config.storage_url import shown_words
from nas.config.trust import is_listed, refusal
from nas.errors import RunError, RunIsDrivenError
from nas.storage.run_lock import is_held
from nas.storage.strict_json import json_text
from search_space.architecture import Task
from search_space.nearest import hint
from search_space.yaml_validation import parse_json

PACKAGES = (
    "convattn",
    "torch",
    "ray",
    "optuna",
    "numpy",
    "fvcore",
    "pydantic",
    "kornia",
    "moocore",
)


READ_FROM_FILES = ("image_folder", "parquet")
"""Data sets of which only the files are read, and no description that lies beside them."""

LOCK_SECONDS = 0.5
"""Long enough for a command that only looks whether the run is driven."""


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path, *, trust: bool = False) -> None:
        """Name a run's folder.

        Args:
            path: the folder.
            trust: what ``--trust`` says: reading may act as the run's files say.
        """
        self.path = path
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
        """The default ledger."""
        return self.path / "ledger.db"

    @property
    def task_file(self) -> Path:
        """What the architectures are for."""
        return self.path / "task.json"

    @property
    def latency_file(self) -> Path:
        """Measured latencies, one JSON object a line."""
        return self.path / "latency.jsonl"

    @property
    def paused_folder(self) -> Path:
        """What paused trainings go on from; there while any waits."""
        return self.path / "paused"

    @property
    def retrain_folder(self) -> Path:
        """One folder for each architecture retrained."""
        return self.path / "retrain"

    @classmethod
    def create(cls, runs: Path, config: SearchConfig) -> RunFolder:
        """Make ``runs/NAME`` with its configuration, environment and a :attr:`run_id` of its own.

        Raises:
            RunError: it exists, or cannot be written.
        """
        check_new(runs, config.name)
        run = cls(runs / config.name)
        # Made under another name and then renamed: a run's folder is never half there.
        begun = cls(runs / f".{config.name}.{os.getpid()}")
        try:
            begun.path.mkdir(parents=True)
            save_config(config, begun.config_file)
            begun.write_json("environment.json", _environment(config.seed))
            begun.path.rename(run.path)
        except OSError as error:
            shutil.rmtree(begun.path, ignore_errors=True)
            raise RunError(f"cannot make {run.path}: {error.strerror or error}") from error
        return run

    def remove(self) -> None:
        """Take a run away of which nothing was begun yet.

        Raises:
            RunError: it cannot be removed.
        """
        try:
            shutil.rmtree(self.path)
        except OSError as error:
            raise RunError(f"cannot remove {self.path}: {error.strerror or error}") from error

    def point_latest_here(self) -> None:
        """Make ``latest`` name this run.

        Raises:
            RunError: the folder of all runs cannot be written.
        """
        link = self.path.parent / LATEST
        try:
            link.unlink(missing_ok=True)
            link.symlink_to(self.path.name, target_is_directory=True)
        except OSError as error:
            raise RunError(f"cannot write {link}: {error.strerror or error}") from error

    def has_interrupted_retraining(self) -> bool:
        """Whether full trainings were begun and their results not written."""
        return self.retrain_folder.is_dir() and not (self.path / "retrain.json").is_file()

    @classmethod
    def around(cls, file: Path, *, trust: bool = False) -> RunFolder | None:
        """The run in whose folder a file lies; None where it lies in none.

        ``trust`` is as for the constructor.
        """
        runs = (cls(folder, trust=trust) for folder in file.resolve().parents)
        return next((run for run in runs if run.config_file.is_file()), None)

    @property
    def is_trusted(self) -> bool:
        """Whether reading may act as the run's files say: see :mod:`nas.config.trust`."""
        return self._trust or is_listed(self.config_file)

    def need_trust(self, act: str) -> None:
        """See that the run is trusted.

        Args:
            act: what would be done, and by which of the run's words; for the message.

        Raises:
            TrustError: it is not.
        """
        if not self.is_trusted:
            raise refusal(str(self.config_file), act)

    def check_reach(self, config: SearchConfig) -> None:
        """See that the run is trusted if its data or its trainings may be on other machines.

        Hugging Face ``datasets`` looks for data sets on its hub, and a folder that it loads can
        name files on servers. Only scikit-learn's digits, and images or Parquet files that are on
        this machine, are read without reaching anything.

        Raises:
            TrustError: they may be, and it is not.
        """
        if config.ray.address is not None:
            self.need_trust(f"the cluster at ray.address={config.ray.address} would be used")
        name, path = config.data.name, config.data.path
        is_file_here = name in READ_FROM_FILES and Path(str(path)).expanduser().exists()
        if name != "digits" and not is_file_here:
            self.need_trust(f"data.name={name}, data.path={path} may be looked for on servers")

    @classmethod
    def find(cls, name: str, runs: Path, *, trust: bool = False) -> RunFolder:
        """The run of that name in ``runs``, the run at that path, or the latest one.

        ``trust`` is as for the constructor.

        Raises:
            RunError: there is none; the message has the nearest name, or lists those there are.
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
        """The run's configuration.

        Raises:
            ConfigError: the file was changed into something invalid.
            TrustError: it holds a ``${...}``, and the run is not trusted.
        """
        return load_saved_config(self.config_file, trusted=self.is_trusted)

    @property
    def run_id(self) -> str | None:
        """What tells this run from another of its name; None if it was made before runs had one.

        Raises:
            RunError: ``environment.json`` is damaged.
        """
        file = self.path / "environment.json"
        return _json_object(file).get("run_id") if file.is_file() else None

    def task(self) -> Task:
        """What the run's architectures are for.

        Raises:
            RunError: ``task.json`` is missing or damaged.
        """
        try:
            return Task.from_json(json.dumps(_json_object(self.task_file)))
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(map(str, problem["loc"]))
            raise RunError(f"{self.task_file} cannot be read: {place}: {problem['msg']}") from error

    def write_json(self, name: str, data: Any) -> None:
        """Write one of the folder's JSON files, whole or not at all."""
        write_whole(self.path / name, json_text(data) + "\n")

    @contextmanager
    def driving(self) -> Iterator[None]:
        """Hold the run for this process, so that no second one writes to it.

        Raises:
            RunIsDrivenError: another process holds it.
            RunError: the folder cannot be written.
        """
        lock = FileLock(self._lock_file)
        try:
            lock.acquire(timeout=LOCK_SECONDS)
        except Timeout:
            raise RunIsDrivenError(
                f"run {self.name!r} is being driven by another process"
            ) from None
        except OSError as error:
            raise RunError(f"cannot use {lock.lock_file}: {error.strerror or error}") from error
        try:
            yield
        finally:
            lock.release()

    def is_finished(self) -> bool:
        """Whether the run's search came to its end.

        Raises:
            RunError: ``state.json`` is damaged.
        """
        file = self.path / "state.json"
        return file.is_file() and bool(_json_object(file).get("finished"))

    def is_driven(self) -> bool:
        """Whether a living process is driving the run; it writes nothing to find out.

        Raises:
            RunError: the lock cannot be read, so that nobody can tell.
        """
        try:
            return is_held(self._lock_file)
        except OSError as error:
            raise RunError(f"cannot read {self._lock_file}: {error.strerror or error}") from error

    @property
    def _lock_file(self) -> Path:
        return self.path / "driver.lock"


def check_new(runs: Path, name: str) -> None:
    """See that there is no run of this name yet, and that its folder can be made.

    Raises:
        RunError: there is one, and the message says what to do; or its folder cannot be made.
    """
    if (runs / name).exists():
        raise RunError(
            f"run {name!r} already exists in {runs}: continue it with --resume, or "
            f"choose another name with name={next_name(runs, name)}"
        )
    there = next(folder for folder in (runs, *runs.parents) if folder.exists())
    if not there.is_dir():
        raise RunError(f"cannot make {runs / name}: {there} is not a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise RunError(f"cannot make {runs / name}: {there} cannot be written")


def next_name(runs: Path, name: str) -> str:
    """The first of NAME-2, NAME-3, ... that is free."""
    number = 2
    while (runs / f"{name}-{number}").exists():
        number += 1
    return f"{name}-{number}"


def write_whole(path: Path, content: str | bytes) -> None:
    """Replace a file's content in one step.

    Raises:
        RunError: the disk is full or not writable; the old content stays.
    """
    try:
        replace_file(path, content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}") from error


def _json_object(file: Path) -> dict[str, Any]:
    """One of the folder's JSON files."""
    try:
        data = parse_json(file.read_bytes())
    except OSError as error:
        raise RunError(f"{file} cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # of its JSON or its UTF-8
        raise RunError(f"{file} cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise RunError(f"{file} cannot be read: must be a JSON object, got {data!r}")
    return data


def _environment(seed: int) -> dict[str, Any]:
    return {
        "run_id": uuid.uuid4().hex,
        "seed": seed,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": shown_words(sys.argv),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "versions": {name: package_version(name) for name in PACKAGES},
        "git_commit": _git_commit(),
    }


def package_version(package: str) -> str | None:
    """The installed version of a package; None where it runs without being installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """The commit of this code if it runs from a checkout."""
    found = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or None
