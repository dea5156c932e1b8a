"""Event files that TensorBoard reads, and a disk that cannot take them."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from tensorboardX.proto.event_pb2 import Event, SessionLog

from nas.evaluation.full_training import TrainingProgress
from nas.evaluation.pace import Pace
from nas.storage.networks.event_files import EventFiles


def progress(epochs: float, **row: float) -> TrainingProgress:
    return TrainingProgress(int(epochs), None, None, Pace(epochs, 100, 0.25, 9), row or None)


def events(folder: Path) -> list[Event]:
    """Read a file of records: length, its check sum, the event, its check sum."""
    (file,) = (folder / "tensorboard").iterdir()
    content, read = file.read_bytes(), []
    while content:
        length = int.from_bytes(content[:8], "little")
        read.append(Event.FromString(content[12 : 12 + length]))
        content = content[16 + length :]
    return read


def test_curves_are_written_and_begun_again_where_a_training_went_back(tmp_path: Path) -> None:
    with EventFiles(wanted=True) as files:
        files.note(tmp_path, progress(0.5))
        files.note(tmp_path, progress(1, epoch=1, train_loss=0.75, val_accuracy=0.5))
        files.note(tmp_path, progress(0.75))
    values = [
        (event.step, value.tag, value.simple_value)
        for event in events(tmp_path)
        for value in event.summary.value
    ]
    assert (50, "images_per_second", 100) in values
    assert {(100, "train_loss", 0.75), (100, "val_accuracy", 0.5)} <= set(values)
    assert not any(tag == "epoch" for _, tag, _ in values)
    starts = [e.step for e in events(tmp_path) if e.session_log.status == SessionLog.START]
    assert starts == [50, 75]


def test_a_file_that_cannot_be_written_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "tensorboard").write_text("no folder")
    with caplog.at_level(logging.WARNING), EventFiles(wanted=True) as files:
        files.note(tmp_path, progress(0.5))
        files.note(tmp_path, progress(1))
    assert caplog.text.count("no more event files are written") == 1
