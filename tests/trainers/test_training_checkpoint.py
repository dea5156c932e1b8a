from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from trainers import CheckpointError, checkpoint_bytes, load_checkpoint

PAYLOAD = {"weights": torch.arange(3000.0), "epoch": 3, "curve": [{"loss": 0.5, "val": None}]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.pt"


def test_missing_file(path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"cannot read .*checkpoint\.pt.*No such file"):
        load_checkpoint(path)


@pytest.mark.parametrize("kept", [0, 1, 100, 5000, -1])
def test_truncated_file(path: Path, kept: int) -> None:
    path.write_bytes(checkpoint_bytes(PAYLOAD))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt is (empty|truncated)"):
        load_checkpoint(path)


def test_one_wrong_byte_among_the_weights(path: Path) -> None:
    path.write_bytes(checkpoint_bytes(PAYLOAD))
    content = bytearray(path.read_bytes())
    weights = PAYLOAD["weights"].numpy().tobytes()
    content[content.index(weights) + 500] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt is damaged: wrong check sum of"):
        load_checkpoint(path)


def test_foreign_files(path: Path) -> None:
    path.write_bytes(pickle.dumps({"format": "trainers.checkpoint"}))
    with pytest.raises(CheckpointError, match="another kind of file"):
        load_checkpoint(path)
    torch.save({"weights": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match="is no checkpoint of a training run"):
        load_checkpoint(path)
    torch.save(torch.nn.Linear(2, 2), path)
    with pytest.raises(CheckpointError, match="other than tensors and plain values"):
        load_checkpoint(path)


def test_another_format_version(path: Path) -> None:
    torch.save({"format": "trainers.checkpoint", "version": 99, "payload": {}}, path)
    with pytest.raises(CheckpointError, match="version 99, this code reads version 1"):
        load_checkpoint(path)
