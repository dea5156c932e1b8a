"""Leftovers: files and folders that a killed process was still making; remove them."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from nas.storage.run.makers import MARK, is_left, own_mark

log = logging.getLogger(__name__)

_BEGUN_FOLDER = re.compile(rf"\.(?P<name>.+)\.{MARK}")
_BEGUN_FILE = re.compile(r"\.(?P<pid>\d+)-[0-9a-f]{8}\.tmp|\.checkpoint.*\.tmp")
"""Names as :meth:`nas.storage.run.folder.RunFolder.create` and :mod:`nas.atomic_write` give them,
and those that earlier versions gave."""

MADE_FIRST = {"config.yaml", "environment.json"}
"""The files in a run's folder that is being made."""


def begun_folder(folder: Path) -> Path:
    """Return the path under which this process makes ``folder``, to rename it when it is whole."""
    return folder.with_name(f".{folder.name}.{own_mark()}")


def remove_begun_folders(runs: Path) -> None:
    """Remove the folders of runs that processes were making when they were killed."""
    _remove_begun_files_in(runs)  # links
    for folder in begun_folders(runs):
        shutil.rmtree(folder, onerror=_say)


def begun_folders(runs: Path) -> Iterator[Path]:
    """Yield the folders of runs that processes were making when they were killed."""
    for folder in _entries(runs):
        match = _BEGUN_FOLDER.fullmatch(folder.name)
        if match is None or folder.is_symlink() or not folder.is_dir():
            continue
        names = {entry.name for entry in _entries(folder)}
        if any(name not in MADE_FIRST and not _BEGUN_FILE.fullmatch(name) for name in names):
            continue  # it is something else
        if is_left(match["host"], int(match["pid"]), folder):
            yield folder


def remove_begun_files(run: Path) -> None:
    """Remove the files in a run's folder that killed processes were writing.

    The caller holds the run: no other driver writes there. A command that draws a picture may.
    """
    for file in begun_files(run):
        _remove(file)


def begun_files(run: Path) -> Iterator[Path]:
    """Yield the files in a run's folder that killed processes were writing."""
    retrain = run / "retrain"
    trainings = [folder for folder in _entries(retrain) if folder.is_dir()]
    for folder in (run, run / "paused", retrain, *trainings):
        yield from _begun_files_in(folder)


def is_begun(file: Path) -> bool:
    """Return whether a file's name is that of one which some process writes, or wrote."""
    return _BEGUN_FILE.fullmatch(file.name) is not None


def _begun_files_in(folder: Path) -> Iterator[Path]:
    for file in _entries(folder):
        match = _BEGUN_FILE.fullmatch(file.name)
        if match is not None and (not match["pid"] or is_left(None, int(match["pid"]), file)):
            yield file


def _remove_begun_files_in(folder: Path) -> None:
    for file in _begun_files_in(folder):
        _remove(file)


def _remove(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        _warn(file, error)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _say(function: object, path: str, raised: tuple[object, BaseException, object]) -> None:
    _warn(Path(path), raised[1])


def _warn(path: Path, error: BaseException) -> None:
    log.warning("%s, which a killed process left, cannot be removed: %s", path, error)
