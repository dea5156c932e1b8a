"""Generated tasks as data: their configuration, their splits, and the images that are kept."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from trainers import DataConfig, DataError, ImageSplits, load_splits
from trainers.data.generated.generated_task import BLOCK_IMAGES, GeneratedTask
from trainers.data.generated.loading import IMAGES
from trainers.data.generated.task_settings import TASK_SETTINGS

NAMES = tuple(TASK_SETTINGS)
FAST = {
    "pathfinder": {"bend": 60, "distractors": 0},
    "pointer_value_retrieval": {},
    "shapes": {"pixels": 60, "most_objects": 3},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "convattn" / "generated"


def loaded(name: str, train: int = 30, **settings: object) -> ImageSplits:
    values = {
        "name": name,
        "train_images": train,
        "validation_images": 20,
        "test_images": 20,
        "parameters": FAST[name],
    }
    return load_splits(DataConfig.model_validate(values | settings))


@pytest.mark.parametrize("name", NAMES)
def test_the_splits_have_as_many_images_as_asked(name: str) -> None:
    splits = loaded(name, 31, validation_images=0)
    assert [len(split) for split in (splits.train, splits.validation, splits.test)] == [31, 0, 20]
    side = TASK_SETTINGS[name].model_validate(FAST[name]).pixels
    assert splits.input_shape == (3 if name == "shapes" else 1, side, side)
    assert splits.train.images.dtype == torch.uint8
    assert splits.train.images.max() == 255
    if not splits.has_objects:
        counts = splits.train.labels.bincount()
        assert counts.max() - counts.min() <= 1
    assert len(splits.fingerprint) == 16


def test_the_name_alone_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    assert IMAGES == {"train": 8000, "validation": 2000, "test": 2000}
    splits = load_splits(DataConfig(name="pointer_value_retrieval"))
    assert [len(split) for split in (splits.train, splits.validation, splits.test)] == [
        8000,
        2000,
        2000,
    ]


@pytest.mark.parametrize("name", NAMES)
def test_an_image_does_not_depend_on_how_many_there_are(name: str) -> None:
    many = loaded(name, BLOCK_IMAGES + 40).train
    for count in (17, BLOCK_IMAGES, BLOCK_IMAGES + 9):
        other_file = {"train_images": count, "split_seed": 0}
        few = loaded(name, **other_file).train
        assert torch.equal(few.images, many.images[:count])
        assert torch.equal(few.labels, many.labels[:count])


@pytest.mark.parametrize("name", NAMES)
def test_it_is_drawn_alike_whether_it_is_kept_or_not(name: str, folder: Path) -> None:
    first = loaded(name, 20)
    for file in folder.iterdir():
        file.unlink()
    again = loaded(name, BLOCK_IMAGES + 3)
    assert torch.equal(first.train.images, again.train.images[:20])
    assert torch.equal(first.test.images, again.test.images)


@pytest.mark.parametrize("name", NAMES)
def test_splits_and_seeds_have_other_images(name: str) -> None:
    drawn = [
        {image.numpy().tobytes() for image in split.images}
        for seed in (0, 1)
        for splits in [loaded(name, split_seed=seed)]
        for split in (splits.train, splits.validation, splits.test)
    ]
    assert len(set.union(*drawn)) == sum(map(len, drawn)) == 140


def nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn(*_: object) -> None:
        pytest.fail("images are drawn again")

    monkeypatch.setattr(GeneratedTask, "drawn", drawn)


@pytest.mark.parametrize("name", NAMES)
def test_images_are_drawn_once(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = loaded(name)
    assert len(list(folder.iterdir())) == 3
    nothing_is_drawn(monkeypatch)
    again = loaded(name, 25)
    assert torch.equal(again.train.images, first.train.images[:25])
    assert again.test.images.equal(first.test.images)


def test_other_parameters_are_other_files(folder: Path) -> None:
    for parameters in ({}, {"margin": 0}, {"pixels": 24}):
        loaded("pointer_value_retrieval", parameters=parameters)
    assert len(list(folder.iterdir())) == 9
    loaded("pointer_value_retrieval", parameters={"pixels": 20, "margin": 1})  # the defaults
    assert len(list(folder.iterdir())) == 9


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def changed(content: bytes) -> bytes:
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]


@pytest.mark.parametrize("damage", [cut, changed, lambda _: b"", lambda _: b"no arrays"])
def test_a_damaged_file_is_drawn_again(
    damage: object, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = loaded("pointer_value_retrieval")
    (file,) = folder.glob("*-train-*")
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    with caplog.at_level(logging.WARNING):
        again = loaded("pointer_value_retrieval")
    assert torch.equal(again.train.images, first.train.images)
    assert f"{file} are damaged" in caplog.text
    assert file.read_bytes() == whole


def test_a_file_of_other_images_is_drawn_again(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = loaded("pointer_value_retrieval")
    (file,), (other,) = folder.glob("*-train-*"), folder.glob("*-test-*")
    other.replace(file)
    assert torch.equal(loaded("pointer_value_retrieval").train.images, first.train.images)
    assert "it holds other images than its name says" in caplog.text
    with np.load(file) as stored:
        arrays = dict(stored)
    arrays["images"] = arrays["images"][:, :, 1:]
    np.savez(file, **arrays)
    assert torch.equal(loaded("pointer_value_retrieval").train.images, first.train.images)
    assert "its images are uint8 [30, 1, 19, 20]" in caplog.text


def test_a_cache_that_cannot_be_written_costs_time_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = loaded("pointer_value_retrieval")
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert torch.equal(loaded("pointer_value_retrieval").train.images, first.train.images)
    assert "images of pointer_value_retrieval cannot be read or kept" in caplog.text


def test_every_class_needs_a_train_image() -> None:
    with pytest.raises(
        DataError, match="10 classes needs an image to train on, got train_images=9"
    ):
        loaded("pointer_value_retrieval", 9)


@pytest.mark.parametrize(
    ("settings", "place", "message"),
    [
        (
            {"parameters": {"dashs": 3}},
            (),
            "'pathfinder' has no parameter 'dashs'; it has pixels, ",
        ),
        ({"parameters": {"dashes": 1}}, ("dashes",), "greater than or equal to 2"),
        ({"parameters": {"dashes": "6"}}, ("dashes",), "valid integer"),
        ({"parameters": {"dash_length": 1.5, "line_width": 2}}, (), "be at least line_width, got"),
        ({"parameters": {"line_width": 3, "dash_length": 4}}, (), "over half of line_width, else"),
        ({"parameters": {"clearance": 2.2}}, (), r"over gap \+ line_width.*clearance=2.2, gap=1.5"),
        ({"parameters": {"dot_radius": 4}}, (), r"at least dot_radius \+ line_width / 2 \+ gap, e"),
        ({"parameters": {"clearance": 6}}, (), r"at most dash_length \+ 2 gap cos.*here 5.27, got"),
        (
            {"parameters": {"dashes": 30}},
            (),
            "paths do not fit, got 145% with pixels=32, dashes=30",
        ),
        ({"path": "x"}, None, "'pathfinder' is generated.* and takes no path, got path='x'"),
        ({"image_size": [9, 9]}, None, "takes no image_size"),
        (
            {"name": "pointer_value_retrieval", "parameters": {"pixels": 21}},
            (),
            "even, got pixels=2",
        ),
        (
            {"name": "pointer_value_retrieval", "parameters": {"margin": 2}},
            (),
            r"at least 2 x \(8 \+ 2 margin\), else the digits do not fit, got pixels=20, margin=2",
        ),
    ],
)
def test_what_cannot_be_drawn_is_one_error(
    settings: dict[str, object], place: tuple[str, ...] | None, message: str
) -> None:
    with pytest.raises(ValidationError, match=message) as raised:
        DataConfig.model_validate({"name": "pathfinder"} | settings)
    (problem,) = raised.value.errors()
    assert problem["loc"] == (() if place is None else ("parameters", *place))
    assert "\n" not in problem["msg"]


def test_a_task_is_made_in_memory() -> None:
    for name in NAMES:
        config = DataConfig(name=name)
        assert config.is_generated
        assert config.is_in_memory
        assert not config.is_own
