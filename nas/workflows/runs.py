"""Summaries of runs, one line each, for a list of all runs.

A finished run's files are read here and not by :mod:`nas.storage.run.folder`, whose configuration
imports PyTorch: that takes seconds, and ``nas runs`` must be quick. An unfinished run's ledger is
read as ``nas status`` and ``nas frontier`` read it.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from nas.errors import RunError, user_errors
from nas.storage.run.lock import is_held
from nas.storage.run.names import ARCHIVE
from nas.storage.run.state import RunState, read_state
from search_space.json_reading import parse_json
from search_space.yaml_validation import ConfigError, read_yaml


class DamagedRunError(RuntimeError):
    """A file of a run is missing or wrong; the message says which and why."""


class RunSummary(NamedTuple):
    """The state of a run; None for what cannot be read."""

    name: str
    started: datetime
    state: str | None  # running, finished, interrupted or unsearched
    trained: int | None  # trials
    wanted: int | None  # trials
    front: int | None  # architectures
    problem: str | None  # what is wrong with its files

    def to_json(self) -> dict[str, Any]:
        """Return plain data; ``started`` in ISO 8601, with the time zone."""
        return self._asdict() | {"started": self.started.isoformat(timespec="seconds")}


def summaries(runs: Path) -> list[RunSummary]:
    """Return every run in the folder ``runs``, the newest first.

    Raises:
        NotADirectoryError: ``runs`` is a file.
    """
    if not runs.is_dir():
        if runs.exists():
            raise NotADirectoryError(f"{runs} is not a folder")
        return []
    folders = [
        folder
        for folder in runs.iterdir()
        # `latest` is a link; the name of a run that is being made begins with a dot
        if not folder.is_symlink() and not folder.name.startswith(".") and _is_run(folder)
    ]
    read = [summary_of(folder) for folder in folders]
    return sorted(read, key=lambda each: (each.started, each.name), reverse=True)


def summary_of(folder: Path) -> RunSummary:
    """Return a run's summary; ``problem`` says what is wrong with its files."""
    known: dict[str, Any] = {"state": None, "trained": None, "wanted": None, "front": None}
    problem = None
    try:
        state = read_state(folder)
        known["state"] = state.in_words(is_driven=is_held(folder / "driver.lock"))
        known |= _of_finished(folder, state) if state.finished else _of_unfinished(folder)
    except (DamagedRunError, RunError, ConfigError, OSError) as error:
        problem = " ".join(str(error).split())
    return RunSummary(folder.name, _started(folder), **known, problem=problem)


def _is_run(folder: Path) -> bool:
    try:
        return (folder / "config.yaml").is_file() or (folder / "ledger.db").is_file()
    except OSError:  # it may be a run; its line then says what is wrong
        return True


def _of_finished(folder: Path, state: RunState) -> dict[str, Any]:
    config = read_yaml(folder / "config.yaml")
    try:
        wanted, storage = config["search"]["n_trials"], config.get("storage")
    except (TypeError, KeyError, AttributeError):
        raise DamagedRunError(f"{folder / 'config.yaml'}: no search.n_trials in it") from None
    ledger = folder / "ledger.db"
    if storage is None and not (folder / ARCHIVE).is_file():
        _check_is_database(ledger)
    front = _json(folder / "front.json", missing=[])  # no trial finished
    # runs from before 0.1.0 have the list of members alone
    members = front.get("members") if isinstance(front, dict) else front
    if not isinstance(members, list):
        raise DamagedRunError(f"{folder / 'front.json'}: it has no list of members")
    for name, count in (
        ("search.n_trials of config.yaml", wanted),
        ("trained of state.json", state.trained),
    ):
        if not isinstance(count, int):
            raise DamagedRunError(f"{folder}: {name} must be a whole number, got {count!r}")
    return {"wanted": wanted, "trained": state.trained, "front": len(members)}


def _check_is_database(file: Path) -> None:
    """Raise if a file is no SQLite database.

    SQLite itself reads it: if this process writes to the file too, closing another descriptor of
    it would end SQLite's locks.
    """
    if not file.is_file():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file))
    if file.stat().st_size == 0:  # SQLite takes it for a new database
        raise DamagedRunError(f"{file} is not an SQLite database")
    address = f"{file.resolve().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as opened:
            opened.execute("PRAGMA schema_version")
    except sqlite3.Error as error:
        raise DamagedRunError(f"{file} is not an SQLite database") from error


def _of_unfinished(folder: Path) -> dict[str, Any]:
    from nas.latency.measurements import front_of_run  # noqa: PLC0415 (slow to import)
    from nas.search.trial_state import TRAINED  # noqa: PLC0415
    from nas.storage.ledger_reader import ledger_to_read  # noqa: PLC0415
    from nas.storage.run.folder import RunFolder  # noqa: PLC0415

    try:
        config, ledger = ledger_to_read(RunFolder(folder))
        front = front_of_run(config, ledger)
        trained = sum(row.state in TRAINED for row in ledger.evaluations("search"))
    except user_errors() as error:
        raise DamagedRunError(str(error)) from error
    return {"wanted": config.search.n_trials, "trained": trained, "front": len(front)}


def _started(folder: Path) -> datetime:
    """Return when the run was made by its own record, else when its folder was last changed."""
    try:
        said = _json(folder / "environment.json", missing={})["started"]
        return datetime.fromisoformat(said).astimezone()
    except (DamagedRunError, OSError, KeyError, TypeError, ValueError, OverflowError):
        return datetime.fromtimestamp(folder.stat().st_mtime).astimezone()


def _json(file: Path, *, missing: Any) -> Any:
    """Read a JSON file of the type of ``missing``, which is returned if there is no file."""
    try:
        data = parse_json(file.read_bytes())
    except FileNotFoundError:
        return missing
    except ValueError as error:
        raise DamagedRunError(f"{file} cannot be read: {error}") from error
    if not isinstance(data, dict | list) or (missing == {} and not isinstance(data, dict)):
        raise DamagedRunError(f"{file} cannot be read: it must be a JSON object")
    return data
