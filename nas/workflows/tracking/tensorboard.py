"""TensorBoard's event files of a search: a folder for each trial."""

from __future__ import annotations

import shutil
from pathlib import Path

from nas.storage.evaluation import Evaluation

FOLDER = "tensorboard"


class TensorBoard:
    """Write each trial's curve and metrics into ``tensorboard/KIND-NUMBER`` of the run's folder.

    A trial's folder is written anew at each of its states that has a curve, so that it is the same
    however often the search was interrupted.

    Args:
        run: the run's folder.
    """

    def __init__(self, run: Path) -> None:
        self._folder = run / FOLDER

    def note(self, trial: Evaluation) -> None:
        """Write a trial that has a curve, if this state of it is not written yet.

        Raises:
            OSError: a file cannot be written.
        """
        folder = self._folder / f"{trial.kind}-{trial.number:05d}"
        suffix = f".{trial.state}-{trial.epochs}"
        if not trial.curve or any(folder.glob(f"*{suffix}")):
            return
        from tensorboardX import SummaryWriter  # noqa: PLC0415 (slow to import)

        shutil.rmtree(folder, ignore_errors=True)
        with SummaryWriter(str(folder), filename_suffix=suffix) as writer:
            for point in trial.curve:
                for name, value in point.items():
                    if name != "epoch" and isinstance(value, int | float):
                        writer.add_scalar(f"curve/{name}", value, point["epoch"])
            for name, value in trial.metrics.items():
                writer.add_scalar(f"result/{name}", value, trial.epochs)
            writer.add_text("architecture", f"{trial.arch_id}: {trial.architecture}")

    def close(self) -> None:
        """Do nothing: every trial is written whole."""
