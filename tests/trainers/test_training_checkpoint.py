from __future__ import annotations

import pickle
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from trainers import CheckpointError, load_checkpoint, save_checkpoint

PAYLOAD = {"weights": torch.arange(3000.0), "epoch": 3, "curve": [{"loss": 0.5, "val": None}]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "checkpoint.pt"


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """Writing more fails as on a full disk, with an OSError in the middle of the file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_round_trip(path: Path) -> None:
    save_checkpoint(path, PAYLOAD)
    loaded = load_checkpoint(path)
    assert torch.equal(loaded.pop("weights"), PAYLOAD["weights"])
    assert loaded == {"epoch": 3, "curve": [{"loss": 0.5, "val": None}]}
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.pt"]


def test_a_full_disk_keeps_the_old_checkpoint(path: Path) -> None:
    save_checkpoint(path, PAYLOAD)
    with (
        files_of_at_most(4096),
        pytest.raises(CheckpointError, match=r"cannot write .*checkpoint\.pt .*kept"),
    ):
        save_checkpoint(path, PAYLOAD | {"epoch": 4})
    assert load_checkpoint(path)["epoch"] == 3
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.pt"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot write"):
        save_checkpoint(tmp_path / "file" / "checkpoint.pt", PAYLOAD)


def test_missing_file(path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"cannot read .*checkpoint\.pt.*No such file"):
        load_checkpoint(path)


@pytest.mark.parametrize("kept", [0, 1, 100, 5000, -1])
def test_truncated_file(path: Path, kept: int) -> None:
    save_checkpoint(path, PAYLOAD)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt is (empty|truncated)"):
        load_checkpoint(path)


def test_one_wrong_byte_among_the_weights(path: Path) -> None:
    save_checkpoint(path, PAYLOAD)
    content = bytearray(path.read_bytes())
    weights = PAYLOAD["weights"].numpy().tobytes()
    content[content.index(weights) + 500] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt is damaged: wrong check sum of"):
        load_checkpoint(path)


def test_foreign_files(path: Path) -> None:
    path.parent.mkdir()
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
    path.parent.mkdir()
    torch.save({"format": "trainers.checkpoint", "version": 99, "payload": {}}, path)
    with pytest.raises(CheckpointError, match="version 99, this code reads version 1"):
        load_checkpoint(path)
