"""A run's folder: ``runs/NAME``, written by the driver alone."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from nas.config import LATEST, SearchConfig
from nas.config_file import load_config, save_config

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


LOCK_SECONDS = 0.5
"""Long enough for a command that only looks whether the run is driven."""


class RunError(RuntimeError):
    """A run that cannot be found, made, read or used; the message says which and why."""


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

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
    def latency_file(self) -> Path:
        """Measured latencies, one JSON object a line."""
        return self.path / "latency.jsonl"

    @property
    def retrain_folder(self) -> Path:
        """One folder for each architecture retrained."""
        return self.path / "retrain"

    @classmethod
    def create(cls, runs: Path, config: SearchConfig) -> RunFolder:
        """Make ``runs/NAME`` with its configuration and environment.

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

    def point_latest_here(self) -> None:
        """Make ``latest`` name this run."""
        link = self.path.parent / LATEST
        link.unlink(missing_ok=True)
        link.symlink_to(self.path.name, target_is_directory=True)

    def has_interrupted_retraining(self) -> bool:
        """Whether full trainings were begun and their results not written."""
        return self.retrain_folder.is_dir() and not (self.path / "retrain.json").is_file()

    @classmethod
    def find(cls, name: str, runs: Path) -> RunFolder:
        """The run of that name in ``runs``, the run at that path, or the latest one.

        Raises:
            RunError: there is none; the message lists those there are.
        """
        for path in (runs / name, Path(name)):
            if (path / "config.yaml").is_file():
                return cls(path.resolve())
        known = sorted(
            path.parent.name for path in runs.glob("*/config.yaml") if not path.parent.is_symlink()
        )
        listed = f"there are: {', '.join(known)}" if known else f"there are none in {runs}"
        raise RunError(f"no run {name!r}; {listed}")

    def config(self) -> SearchConfig:
        """The run's configuration.

        Raises:
            DescriptionError: the file was changed into something invalid.
        """
        return load_config(self.config_file)

    def write_json(self, name: str, data: Any) -> None:
        """Write one of the folder's JSON files, whole or not at all."""
        write_whole(self.path / name, json.dumps(data, indent=2) + "\n")

    @contextmanager
    def driving(self) -> Iterator[None]:
        """Hold the run for this process, so that no second one writes to it.

        Raises:
            RunError: another process holds it.
        """
        lock = FileLock(self.path / "driver.lock")
        try:
            lock.acquire(timeout=LOCK_SECONDS)
        except Timeout:
            raise RunError(f"run {self.name!r} is being driven by another process") from None
        try:
            yield
        finally:
            lock.release()

    def is_finished(self) -> bool:
        """Whether the run's search came to its end."""
        state = self.path / "state.json"
        return state.is_file() and bool(json.loads(state.read_text()).get("finished"))

    def is_driven(self) -> bool:
        """Whether a living process is driving the run."""
        try:
            with self.driving():
                return False
        except RunError:
            return True


def check_new(runs: Path, name: str) -> None:
    """See that there is no run of this name yet.

    Raises:
        RunError: there is; the message says what to do.
    """
    if (runs / name).exists():
        raise RunError(
            f"run {name!r} already exists in {runs}: continue it with --resume, or "
            f"choose another name with name={next_name(runs, name)}"
        )


def next_name(runs: Path, name: str) -> str:
    """The first of NAME-2, NAME-3, ... that is free."""
    number = 2
    while (runs / f"{name}-{number}").exists():
        number += 1
    return f"{name}-{number}"


def without_passwords(text: str) -> str:
    """Any URL's password in ``text`` replaced by stars."""
    return re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:***@", text)


def write_whole(path: Path, text: str) -> None:
    """Replace a file's content in one step.

    Raises:
        RunError: the disk is full or not writable; the old content stays.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RunError(f"cannot write {path}: {error.strerror}") from error


def _environment(seed: int) -> dict[str, Any]:
    return {
        "seed": seed,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": [without_passwords(word) for word in sys.argv],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "versions": {name: _version(name) for name in PACKAGES},
        "git_commit": _git_commit(),
    }


def _version(package: str) -> str | None:
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
