"""Decoded images in a mapped file: those of memory, written once, whole or not at all."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from trainers import (
    DataConfig,
    DataError,
    ImageSplits,
    PixelSettings,
    Recipe,
    Training,
    load_splits,
)
from trainers.data.splits.mapped_split import MappedSplit

SCALE = {"mean": (0.5, 0.5, 0.5), "deviation": (0.25, 0.25, 0.25)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(40):
        pixels = rng.integers(0, 256, (9 + number % 3, 12, 3)).astype(np.uint8)
        file = tmp_path / "images" / f"class{number % 2}" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file)
    return tmp_path


def loaded(folder: Path, **settings: object) -> ImageSplits:
    base = {"name": "image_folder", "path": str(folder / "images"), "image_size": [8, 8]}
    return load_splits(
        DataConfig.model_validate(base | settings), PixelSettings.model_validate(SCALE)
    )


def cached(folder: Path, **settings: object) -> ImageSplits:
    return loaded(folder, cache=str(folder / "cache"), loader_processes=1, **settings)


def files(folder: Path) -> dict[str, int]:
    there = [file for file in (folder / "cache").iterdir() if file.suffix != ".lock"]
    return {file.name: file.stat().st_mtime_ns for file in there}


def test_the_images_are_those_in_memory_and_are_written_once(folder: Path) -> None:
    memory, mapped = loaded(folder), cached(folder)
    assert mapped.fingerprint == memory.fingerprint
    for one, other in (
        (memory.train, mapped.train),
        (memory.validation, mapped.validation),
        (memory.test, mapped.test),
        (memory.with_validation_in_train().train, mapped.with_validation_in_train().train),
    ):
        assert isinstance(other, MappedSplit)
        positions = torch.randperm(len(one))
        assert torch.equal(one.pixels(positions), other.pixels(positions))
        assert torch.equal(one.labels, other.labels)
        few = positions[:3]
        assert torch.equal(
            one.rows(few).pixels(torch.arange(3)), other.rows(few).pixels(torch.arange(3))
        )
        again = pickle.loads(pickle.dumps(other))
        assert torch.equal(again.pixels(positions), other.pixels(positions))
    before = files(folder)
    assert len(before) == 1
    cached(folder)
    assert files(folder) == before
    cached(folder, split_seed=1)
    cached(folder, image_size=[6, 6])
    assert len(files(folder)) == 3


def test_training_is_that_from_memory(folder: Path) -> None:
    recipe = Recipe.model_validate(
        {
            "epochs": 2,
            "batch_size": 8,
            "learning_rate": 0.1,
            "augmentation": {"resized_crop": {}},
            "pixels": SCALE,
        }
    )

    def weights(splits: ImageSplits) -> torch.Tensor:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2))
        training = Training(model, splits, recipe, seed=0)
        while not training.done:
            training.run_epoch()
        return torch.cat([each.flatten() for each in model.parameters()]).detach()

    assert torch.equal(weights(cached(folder)), weights(loaded(folder)))


def test_a_disk_that_is_too_small_is_said_before_anything_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=7000))
    with pytest.raises(DataError, match=r"take 7.68e-06 GB in cache=.*, whose disk has 7e-06 GB"):
        cached(folder)
    assert files(folder) == {}


def test_a_damaged_picture_leaves_no_file(folder: Path) -> None:
    (folder / "images" / "class1" / "7.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"class1/7\.png is not an image"):
        cached(folder)
    assert not (folder / "cache").exists()
    assert len(cached(folder, skip_damaged=True).train) < 40
    assert len(files(folder)) == 1


def test_a_folder_that_cannot_be_made_and_a_file_of_another_size(folder: Path) -> None:
    (folder / "cache").write_text("no folder")
    with pytest.raises(DataError, match=r"cannot write decoded images to cache=.*: File exists"):
        cached(folder)
    (folder / "cache").unlink()
    splits = cached(folder)
    (file,) = (folder / "cache").glob("*.uint8")
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    with pytest.raises(DataError, match=r"is missing here, or does not have 7,680 bytes"):
        splits.train.to("cpu")
    left = file.with_suffix(".123.tmp")  # by a process that was killed
    left.write_bytes(content[:100])
    cached(folder)  # writes it anew
    assert file.read_bytes() == content
    assert not left.exists()
