"""TensorBoard's event files of full trainings, for ``--tensorboard``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from nas.evaluation.full_training import TrainingProgress

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter

FOLDER = "tensorboard"


class EventFiles:
    """Write the curves of trainings while they run, each into its folder's ``tensorboard``.

    Args:
        wanted: whether to write anything.
    """

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted
        self._writers: dict[Path, SummaryWriter] = {}

    def note(self, folder: Path, progress: TrainingProgress) -> None:
        """Write a training's pace and, at an epoch's end, its row of the curve.

        The step is the epoch, in hundredths within one.

        Raises:
            OSError: a file cannot be written.
        """
        if not self._wanted:
            return
        pace = progress.pace
        values: Mapping[str, Any] = {
            "images_per_second": pace.images_per_second or None,
            "share_waiting_for_data": pace.waited_share,
            **(progress.row or {}),
        }
        writer = self._writer(folder)
        for name, value in values.items():
            if name != "epoch" and value is not None:
                writer.add_scalar(name, value, round(100 * pace.epochs))
        writer.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for writer in self._writers.values():
            writer.close()

    def _writer(self, folder: Path) -> SummaryWriter:
        if folder not in self._writers:
            from tensorboardX import SummaryWriter  # noqa: PLC0415 (slow to import)

            self._writers[folder] = SummaryWriter(str(folder / FOLDER))
        return self._writers[folder]
