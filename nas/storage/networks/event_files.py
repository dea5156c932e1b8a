"""TensorBoard's event files of full trainings, for ``--tensorboard``."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from nas.evaluation.full_training import TrainingProgress
from nas.evaluation.metric_names import OF_ACCURACY, MetricNames

if TYPE_CHECKING:
    from tensorboardX.event_file_writer import EventsWriter

log = logging.getLogger(__name__)

FOLDER = "tensorboard"


class EventFiles:
    """Write the curves of trainings while they run, each into its folder's ``tensorboard``.

    If a file cannot be written, a warning says so, and nothing more is written: the trainings
    matter more.

    Args:
        wanted: whether to write anything.
        names: of the run's metrics.
    """

    def __init__(self, *, wanted: bool, names: MetricNames = OF_ACCURACY) -> None:
        self._names = names
        self._wanted = wanted
        self._writers: dict[Path, EventsWriter] = {}
        self._last_steps: dict[Path, int] = {}

    def note(self, folder: Path, progress: TrainingProgress) -> None:
        """Write a training's pace and, at an epoch's end, its row of the curve.

        The step is the epoch, in hundredths within one. Where a training goes on from an earlier
        step than the last one, TensorBoard is told to forget what came after.
        """
        if not self._wanted:
            return
        try:
            self._write(folder, progress)
        except OSError as error:
            log.warning("no more event files are written: %s: %s", folder / FOLDER, error)
            self._wanted = False

    def _write(self, folder: Path, progress: TrainingProgress) -> None:
        from tensorboardX.proto import event_pb2  # noqa: PLC0415 (slow to import)
        from tensorboardX.summary import scalar  # noqa: PLC0415

        pace = progress.pace
        values: Mapping[str, Any] = {
            "images_per_second": pace.images_per_second or None,
            "share_waiting_for_data": pace.waited_share,
            **(progress.row or {}),
        }
        step, writer = round(100 * pace.epochs), self._writer(folder)
        if step <= self._last_steps.get(folder, step):
            begin = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            writer.write_event(event_pb2.Event(wall_time=time.time(), step=step, session_log=begin))
        self._last_steps[folder] = step
        for name, value in values.items():
            if name != "epoch" and value is not None:
                summary = scalar(self._names.key(name), value)
                writer.write_event(
                    event_pb2.Event(wall_time=time.time(), step=step, summary=summary)
                )
        writer.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._wanted:  # (else closing would raise what writing did)
            for writer in self._writers.values():
                writer.close()

    def _writer(self, folder: Path) -> EventsWriter:
        if folder not in self._writers:
            from tensorboardX.event_file_writer import EventsWriter  # noqa: PLC0415

            (folder / FOLDER).mkdir(parents=True, exist_ok=True)
            self._writers[folder] = EventsWriter(str(folder / FOLDER / "events"))
        return self._writers[folder]
