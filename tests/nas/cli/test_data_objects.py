"""``nas data`` on objects in boxes: its counts, sizes, lines and pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from analysis.boxed_pictures import BoxedPicture, draw_boxed_pictures
from nas.cli.application import app
from nas.cli.commands.tools import data
from tests.trainers.data.sources.coco_sets import coco_set, expected_objects, write
from trainers.boxes import CROWD


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[BoxedPicture]:
    """The pictures that were drawn."""
    kept: list[BoxedPicture] = []

    def draw(pictures: Sequence[BoxedPicture], *arguments: Any, **settings: Any) -> None:
        kept.extend(pictures)
        draw_boxed_pictures(pictures, *arguments, **settings)

    monkeypatch.setattr(data, "draw_boxed_pictures", draw)
    return kept


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "coco"


def config(folder: Path, **settings: Any) -> Path:
    file = folder / "data.yaml"
    file.write_text(yaml.safe_dump({"data": settings}))
    return file


def of_coco(root: Path, **settings: Any) -> Path:
    return config(root.parent, name="coco", path=str(root), image_size=[48, 64], **settings)


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


def as_json(*arguments: object, code: int = 0) -> dict[str, Any]:
    done = run(*arguments, "--json")
    assert done.exit_code == code, done.output
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_objects_are_counted_and_measured(root: Path) -> None:
    contents = coco_set(root, train2017=7, val2017=3)
    without = contents["train2017"]["images"][2]["id"]
    annotations = contents["train2017"]["annotations"]
    annotations[:] = [each for each in annotations if each["image_id"] != without]
    write(root, "train2017", contents["train2017"])
    file = of_coco(root, test_part="validation", validation_images=2)
    report = as_json(file)
    images = [expected_objects(contents["train2017"], place) for place in range(7)]
    rows = [row for image in images for row in image]
    areas = sorted((row[3] - row[1]) * (row[2] - row[0]) for row in rows)
    objects = report["parts"]["train"]["objects"]
    assert objects["objects"] == len(rows)
    assert objects["crowds"] == sum(row[5] == CROWD for row in rows) > 0
    assert objects["images_without"] == 1
    assert objects["most_of_an_image"] == max(map(len, images))
    ends = [areas[0], areas[(len(areas) - 1) // 2], areas[-1]]
    assert [high * wide for high, wide in objects["sizes"]] == pytest.approx(ends, rel=0.05)
    assert report["parts"]["train"]["modes"].keys() == {"RGB"}
    assert report["problems"] == []

    lines = run(file).stdout.splitlines()
    (heading,) = [number for number, line in enumerate(lines) if "images without" in line]
    (train,) = [line for line in lines[heading:] if line.split()[:1] == ["train"]]
    sizes = [f"{high:g} x {wide:g}" for high, wide in objects["sizes"]]
    counts = [objects[key] for key in ("objects", "crowds", "images_without", "most_of_an_image")]
    assert " ".join(train.split()) == " ".join(["train", *map(str, counts), *sizes])


def test_a_part_without_objects_has_no_sizes(root: Path) -> None:
    contents = coco_set(root, train2017=5, val2017=3)
    contents["val2017"]["annotations"].clear()
    write(root, "val2017", contents["val2017"])
    report = as_json(of_coco(root, test_images=0))
    objects = report["parts"]["validation"]["objects"]
    assert objects == {
        **{"objects": 0, "crowds": 0, "images_without": 3, "most_of_an_image": 0, "sizes": []}
    }


def test_problems_of_objects_are_listed(root: Path) -> None:
    contents = coco_set(root, train2017=5, val2017=3)
    contents["train2017"]["annotations"][0]["bbox"][2] = 0
    write(root, "train2017", contents["train2017"])
    report = as_json(of_coco(root, test_images=0), code=1)
    assert any("empty" in line for line in report["problems"])


def test_sets_of_classes_have_no_lines_of_objects(tmp_path: Path) -> None:
    file = config(tmp_path, name="digits", train_images=40, validation_images=20)
    assert as_json(file)["parts"]["train"]["objects"] is None
    assert "images without" not in run(file).stdout


def test_pictures_are_drawn_with_their_boxes(root: Path, drawn: list[BoxedPicture]) -> None:
    contents = coco_set(root, train2017=12, val2017=3)["train2017"]
    sheet = root.parent / "sheet.png"
    done = run(of_coco(root, test_images=0), "--picture", sheet)
    assert done.exit_code == 0, done.output
    assert len(drawn) == 8  # evenly spaced ones
    with Image.open(sheet) as picture:
        assert min(picture.size) > 300
    names = [image["file_name"] for image in contents["images"]]
    for picture in drawn:
        assert picture.pixels.shape == (3, 48, 64)
        (place,) = [n for n, name in enumerate(names) if name in picture.name]
        image = contents["images"][place]
        across, down = 64 / image["width"], 48 / image["height"]
        expected = [
            ([across * left, down * top, across * right, down * bottom], kind == CROWD)
            for left, top, right, bottom, _, kind in expected_objects(contents, place)
        ]
        assert len(picture.boxes) == len(expected)
        for box, (edges, is_crowd) in zip(picture.boxes, expected, strict=True):
            assert box.edges == pytest.approx(edges, abs=0.01)
            assert box.is_dashed == is_crowd


def test_drawn_shapes_are_in_memory(tmp_path: Path, drawn: list[BoxedPicture]) -> None:
    file = config(
        tmp_path,
        **{"name": "shapes", "train_images": 6, "validation_images": 2, "test_images": 2},
        parameters={"pixels": 64, "most_objects": 3},
    )
    report = as_json(file, "--picture", tmp_path / "sheet.png")
    train = report["parts"]["train"]["objects"]
    assert train["crowds"] == 0
    assert train["most_of_an_image"] <= 3
    assert [picture.name for picture in drawn] == [f"train image {n}" for n in range(6)]
    assert sum(len(picture.boxes) for picture in drawn) == train["objects"]
