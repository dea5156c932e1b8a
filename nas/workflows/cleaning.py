"""Cleaning of a run: the files that no later command needs, by kind, and their removal."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, NamedTuple

from nas.errors import RunError
from nas.latency.measurements import front_of_run
from nas.storage.driver_ledger import check_is_back
from nas.storage.evaluation import Evaluation
from nas.storage.ledger import ledger_of
from nas.storage.networks.retraining import RECIPE_FILE, example_folder
from nas.storage.run.folder import RunFolder
from nas.workflows.doctor.copies import PREFIX, size_of
from nas.workflows.doctor.leftovers import leftovers_of
from nas.workflows.doctor.trainings import CLEANED, row_of, training_folders
from nas.workflows.tracking.tensorboard import FOLDER as TENSORBOARD_FOLDER


class Kind(StrEnum):
    """A kind of file that can go, as the table names it."""

    PAUSED = "states of paused trials, of a finished search"
    FINISHED = "checkpoints of finished full trainings"
    ABANDONED = "checkpoints of full trainings by a recipe that is gone"
    OFF_THE_FRONT = "networks that are not on the front"
    PICTURES = "example pictures"
    CURVES = "curves for TensorBoard"
    COPIES = "copies from before repairs"
    LEFTOVERS = "half-written files of killed processes"


class Removable(NamedTuple):
    """A file or folder that can go."""

    kind: Kind
    path: Path
    bytes: int

    @property
    def files(self) -> int:
        """The number of files: one, or all in the folder."""
        if not self.path.is_dir():
            return 1
        return sum(inner.is_file() for inner in self.path.rglob("*"))


def removable(run: RunFolder, *, keep: Literal["all", "front"] = "all") -> list[Removable]:
    """Return what can go. The ledger, the results and what a resume needs are never among it.

    Args:
        run: the run.
        keep: ``front`` lets go of the networks of full trainings that are not on the front.

    Raises:
        RunError: the ledger cannot be read, so that it is unknown what is needed.
        TrustError: reading the run needs trust.
    """
    config, ledger = ledger_of(run)
    try:
        trained = ledger.evaluations("retrain")
        waiting = any(row.state == "paused" for row in ledger.evaluations("search"))
        on_front = {member.arch_id for member in front_of_run(config, ledger)}
    finally:
        ledger.close()
    paths: list[tuple[Kind, Path]] = []
    if run.paused_folder.is_dir() and run.state().finished and not waiting:
        paths += [(Kind.PAUSED, file) for file in sorted(run.paused_folder.iterdir())]
    folders, _ = training_folders(run.retrain_folder)
    for folder in folders:
        row = row_of(folder, trained, config.seed)
        paths += _of_training(
            folder.file("checkpoint.pt"),
            folder.file("model.pt"),
            row,
            is_present=folder.recipe_id == config.retrain_id or folder.file(RECIPE_FILE).is_file(),
            is_wanted=keep == "all" or folder.arch_id in on_front,
        )
    if example_folder(run.retrain_folder).is_dir():
        paths.append((Kind.PICTURES, example_folder(run.retrain_folder)))
    if run.state().finished:
        paths += [(Kind.CURVES, folder) for folder in _curve_folders(run, trained, config.seed)]
    paths += [(Kind.COPIES, path) for path in sorted(run.path.glob(f"{PREFIX}*"))]
    paths += [(Kind.LEFTOVERS, path) for path in sorted(leftovers_of(run.path))]
    unique = {path: kind for kind, path in reversed(paths)}
    return [Removable(kind, path, size_of(path)) for path, kind in reversed(unique.items())]


def _curve_folders(run: RunFolder, trained: list[Evaluation], seed: int) -> Iterator[Path]:
    """Yield the folders of TensorBoard's curves of a search and of full trainings that ended."""
    folders, _ = training_folders(run.retrain_folder)
    ended = [each.path for each in folders if row_of(each, trained, seed) is not None]
    for folder in (run.path, *ended):
        if (folder / TENSORBOARD_FOLDER).is_dir():
            yield folder / TENSORBOARD_FOLDER


def _of_training(
    checkpoint: Path, model: Path, row: Evaluation | None, *, is_present: bool, is_wanted: bool
) -> Iterator[tuple[Kind, Path]]:
    """Yield what can go of one full training's folder."""
    if checkpoint.is_file() and row is not None:
        yield Kind.FINISHED, checkpoint
    elif checkpoint.is_file() and not is_present:
        yield Kind.ABANDONED, checkpoint
    if model.is_file() and row is not None and not is_wanted:
        yield Kind.OFF_THE_FRONT, model


def remove(run: RunFolder, removables: Iterable[Removable]) -> int:
    """Remove files, and note each in the run's ``cleaned.json``; return their bytes.

    Raises:
        RunError: a file cannot be removed; those before it are gone, and noted. Or the last rows
            of the ledger, which say what is needed, are on a driver's disk.
    """
    gone: list[Removable] = []
    with run.driving(tidies=False):
        check_is_back(run)
        try:
            for each in removables:
                if each.path.is_dir() and not each.path.is_symlink():
                    shutil.rmtree(each.path)
                else:
                    each.path.unlink(missing_ok=True)
                gone.append(each)
            if run.paused_folder.is_dir() and not any(run.paused_folder.iterdir()):
                run.paused_folder.rmdir()
        except OSError as error:
            place = error.filename or run.path
            raise RunError(f"cannot remove {place}: {error.strerror or error}") from error
        finally:
            if gone:
                _note(run, gone)
    return sum(each.bytes for each in gone)


def _note(run: RunFolder, gone: list[Removable]) -> None:
    when = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    entries = [
        {"file": _place(run, each.path), "bytes": each.bytes, "kind": each.kind, "when": when}
        for each in gone
    ]
    run.write_json(CLEANED, {"removed": [*_noted(run), *entries]})


def _noted(run: RunFolder) -> list[Any]:
    """Return what earlier calls removed; nothing if the note is missing or damaged."""
    try:
        noted = json.loads((run.path / CLEANED).read_bytes())["removed"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return noted if isinstance(noted, list) else []


def _place(run: RunFolder, path: Path) -> str:
    return str(path.relative_to(run.path)) if path.is_relative_to(run.path) else str(path)
