"""``nas data`` shows what is read of a data set, and all that is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from nas.cli.application import app
from trainers import DataConfig
from trainers.data.checks import inspection
from trainers.data.fingerprint import fingerprint_of
from trainers.data.loading import read_labelled


def write(path: Path, value: int, size: tuple[int, int] = (5, 4), mode: str = "RGB") -> None:
    """A picture of noise, ``size`` = (width, height)."""
    pixels = np.random.default_rng(value).integers(0, 256, (*size[::-1], 4)).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path)


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """Two classes, 12 and 8 train images, 2 and 2 test images."""
    for part, counts in (("train", {"rose": 12, "tulip": 8}), ("test", {"rose": 2, "tulip": 2})):
        for name, count in counts.items():
            for number in range(count):
                write(tmp_path / "flowers" / part / name / f"{number}.png", number)
    return tmp_path / "flowers"


@pytest.fixture
def config(tmp_path: Path, flowers: Path) -> Path:
    file = tmp_path / "data.yaml"
    file.write_text(yaml.safe_dump({"data": {"name": "image_folder", "path": str(flowers)}}))
    return file


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


def as_json(*arguments: object, code: int = 0) -> dict[str, Any]:
    done = run(*arguments, "--json")
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def test_parts_sizes_modes_and_splits(config: Path, flowers: Path) -> None:
    write(flowers / "train" / "rose" / "grey.png", 50, mode="L")
    write(flowers / "train" / "rose" / "small.jpg", 51, size=(3, 2))
    write(flowers / "train" / "tulip" / "clear.png", 52, size=(9, 8), mode="RGBA")
    (flowers / "train" / "notes.txt").write_text("x")
    report = as_json(config, "data.image_size=[4,4]", "data.validation_images=6")
    train = report["parts"]["train"]
    assert (train["images"], train["classes"]) == (23, 2)
    assert train["smallest_class"] == {"name": "tulip", "images": 9}
    assert train["largest_class"] == {"name": "rose", "images": 14}
    assert train["sizes"] == {"smallest": [2, 3], "median": [4, 5], "largest": [8, 9]}
    assert {mode: each["images"] for mode, each in train["modes"].items()} == {
        "RGB": 21,
        "L": 1,
        "RGBA": 1,
    }
    assert train["modes"]["RGBA"]["is_read_as"] == "red, green, blue; composed on white"
    assert train["formats"] == {"PNG": 22, "JPEG": 1}
    assert report["splits"] == {"train": 17, "validation": 6, "test": 4}
    assert report["problems"] == []
    assert report["left_out"] == ["1 files that are no images are left out: 'train/notes.txt'"]
    data = DataConfig(name="image_folder", path=str(flowers))
    assert report["fingerprint"] == fingerprint_of(read_labelled(data))
    shown = run(config, "data.image_size=[4,4]").stdout
    assert "no problems" in shown
    assert "composed on white" in shown
    assert report["fingerprint"] in shown


def test_every_problem_is_listed_and_the_status_is_1(config: Path, flowers: Path) -> None:
    (flowers / "train" / "empty").mkdir()
    write(flowers / "train" / "rose" / "other.png", 50, size=(9, 9))
    (flowers / "test" / "rose" / "0.png").write_bytes(b"damaged")
    Image.new("F", (5, 4)).save(flowers / "train" / "tulip" / "real.tiff")
    whole = (flowers / "train" / "tulip" / "0.png").read_bytes()
    (flowers / "train" / "tulip" / "0.png").write_bytes(whole[:-30])
    report = as_json(config, code=1)
    begins = [
        "train part: no images in 'empty'",
        "test/rose/0.png is not an image of a format that Pillow reads",
        "train/tulip/0.png cannot be read",
        "train/tulip/real.tiff has Pillow mode 'F'",
        "images differ in size, [height, width]: 22 of [4, 5]",
    ]
    assert len(report["problems"]) == len(begins)
    for problem, begin in zip(report["problems"], begins, strict=True):
        assert problem.startswith(begin)
    assert report["splits"] is None
    quick = as_json(config, "--quick", code=1)["problems"]
    assert [line.split()[0] for line in quick] == [
        *("train", "test/rose/0.png", "train/tulip/real.tiff", "images")
    ]
    shown = run(config)
    assert shown.exit_code == 1
    assert "5 problems:" in shown.stdout


def test_damaged_images_that_are_skipped_are_no_problem(config: Path, flowers: Path) -> None:
    (flowers / "train" / "rose" / "3.png").write_bytes(b"damaged")
    report = as_json(config, "data.skip_damaged=true", "data.validation_images=5")
    assert report["left_out"] == [
        "1 images that cannot be decoded are left out: 'train/rose/3.png'"
    ]
    assert report["splits"] == {"train": 14, "validation": 5, "test": 4}


def test_splits_that_cannot_be_chosen_are_a_problem(config: Path) -> None:
    (problem,) = as_json(config, "data.train_images=90", code=1)["problems"]
    assert "train_images=90 exceeds" in problem


def test_several_processes_see_the_same(
    config: Path, flowers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (flowers / "train" / "rose" / "3.png").write_bytes(b"damaged")
    here = as_json(config, code=1)
    monkeypatch.setattr(inspection, "LEAST_FOR_PROCESSES", 1)
    monkeypatch.setattr(inspection, "AT_ONCE", 5)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1})
    assert as_json(config, code=1) == here


def test_images_in_memory_have_parts_that_are_their_splits(tmp_path: Path) -> None:
    file = tmp_path / "data.yaml"
    file.write_text("data: {name: digits, train_images: 100, validation_images: 50}")
    report = as_json(file)
    assert report["splits"] == {"train": 100, "validation": 50, "test": 359}
    assert report["parts"]["train"]["sizes"]["median"] == [8, 8]
    assert report["classes"] == 10
    assert len(report["fingerprint"]) == 16


def test_sample_pictures_are_drawn_only_where_asked(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.rglob("*"))
    assert run(config).exit_code == 0
    assert set(tmp_path.rglob("*")) == before
    done = run(config, "--picture", "sheet.png")
    assert done.exit_code == 0
    assert "sample pictures are drawn in sheet.png" in done.stdout
    with Image.open(tmp_path / "sheet.png") as drawn:
        assert min(drawn.size) > 300
    refused = run(config, "--picture", "sheet.jpg")
    assert "--picture must end in .png" in str(refused.exception)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data: {name: image_folder, path: missing}", "does not exist"),
        ("data: {name: image_folder}", "needs a path"),
        ("{}", "data: missing"),
        ("data: {name: digits}\nmore: 1", "more"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_message(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "data.yaml"
    file.write_text(text)
    assert message in str(run(file).exception)
