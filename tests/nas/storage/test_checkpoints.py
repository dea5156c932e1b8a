"""A checkpoint file is written whole or not at all."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from nas.storage.networks.checkpoints import save_checkpoint
from trainers import CheckpointError, load_checkpoint

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


def test_a_name_as_long_as_a_name_can_be(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    save_checkpoint(path, {"epoch": 1})
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    with pytest.raises(CheckpointError, match="File name too long"):
        save_checkpoint(tmp_path / ("x" * 256), {"epoch": 1})
