"""Archiving: a run's results as a small folder of text and pictures, which is a run to read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from nas.config.files import save_config
from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.storage.archive import write_archive
from nas.storage.driver_ledger import check_is_back
from nas.storage.ledger import Ledger
from nas.storage.run.folder import ENVIRONMENT, RunFolder
from nas.storage.run.leftovers import begun_folder
from nas.storage.strict_json import json_text, read_json_object
from nas.storage.whole_file import write_whole

COPIED = (
    *("task.json", "data.json", "state.json", "front.json", "front.png", "latency.jsonl"),
    "timings.json",
    *("retrain.json", "train.json"),
    *("trace.yaml", "trace.json", "trace.csv", "trace.md", "trace.png"),
)
"""Files of a run that an archive has too, where they are there."""

COPIED_KINDS = ("ablation-*.json", "ablation-*.csv", "ablation-*.md", "ablation-*.png")

OF_THE_MACHINE = ("command", "platform")
"""Parts of the environment that an archive leaves out: they say where the run's files are."""


class Archived(NamedTuple):
    """The size of an archive."""

    trials: int
    files: int
    size_bytes: int


def archive(run: RunFolder, config: SearchConfig, ledger: Ledger, folder: Path) -> Archived:
    """Write a run's configuration, ledger and pictures to a new folder.

    Trained networks, states and interactive pages stay behind.

    Args:
        run: the run.
        config: of the run.
        ledger: of the run.
        folder: to make; its name becomes that of the run where it is read.

    Raises:
        RunError: the folder is there already, a trial waits at a rung, the last rows are on a
            driver's disk, or a file cannot be read or written; nothing is left then.
    """
    check_is_back(run)
    if folder.exists():
        raise RunError(f"{folder} is there already; an archive is a new folder")
    begun = RunFolder(begun_folder(folder))
    try:
        begun.path.mkdir(parents=True)
        save_config(
            config.replace(storage=None, ledger_folder=None, networks_url=None), begun.config_file
        )
        names = [*COPIED, *(path.name for kind in COPIED_KINDS for path in run.path.glob(kind))]
        for name in names:
            if (run.path / name).is_file():
                shutil.copyfile(run.path / name, begun.path / name)
        if run.has_environment:
            kept = read_json_object(run.path / ENVIRONMENT)
            kept = {key: value for key, value in kept.items() if key not in OF_THE_MACHINE}
            write_whole(begun.path / ENVIRONMENT, json_text(kept) + "\n")
        trials = write_archive(ledger, begun.archive_file)
        begun.path.rename(folder)
    except OSError as error:
        raise RunError(f"cannot write {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(begun.path, ignore_errors=True)  # where something failed
    files = list(folder.iterdir())
    return Archived(trials, len(files), sum(file.stat().st_size for file in files))
