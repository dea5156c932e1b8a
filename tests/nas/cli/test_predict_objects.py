"""``nas predict`` of a detector: boxes in the pixels of the pictures, in JSON and drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from analysis.boxed_pictures import BoxedPicture, draw_boxed_pictures
from nas.cli.application import app
from nas.cli.commands.train.predicting import objects
from nas.errors import CommandError
from nas.storage.networks.network_file import load_network
from nas.storage.networks.retraining import example_folder
from trainers import CheckpointError
from trainers.tasks.detection.detections import detections

LOW = ("--score-threshold", 0.01)


def predict(*arguments: object) -> Result:
    result = CliRunner().invoke(app, ["predict", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def read(*arguments: object) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(predict(*arguments, "--json").stdout)
    return rows


@pytest.fixture
def example(detector_file: Path) -> Path:
    """A validation image of 64 x 64 pixels, as ``nas retrain`` writes it."""
    return sorted(example_folder(detector_file.parents[1]).iterdir())[0]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[BoxedPicture]:
    """The pictures that were drawn."""
    kept: list[BoxedPicture] = []

    def draw(pictures: Sequence[BoxedPicture], *arguments: Any, **settings: Any) -> None:
        kept.extend(pictures)
        draw_boxed_pictures(pictures, *arguments, **settings)

    monkeypatch.setattr(objects, "draw_boxed_pictures", draw)
    return kept


def expected_objects(model_file: Path, picture: Path, hw: tuple[int, int]) -> list[list[float]]:
    """Rows of (left, top, right, bottom, class, probability) by the network itself."""
    network = load_network(model_file)
    assert network.record is not None
    settings = network.record.recipe.detection.model_copy(update={"score_threshold": 0.01})
    with torch.no_grad():
        outputs = network.model(network.preprocess(picture))
        boxes = network.model.boxes(outputs, (64, 64))
    (rows,) = detections(outputs.logits.sigmoid(), boxes, settings)
    rows = rows[rows[:, 5] > 0]
    rows[:, :4] *= torch.tensor([hw[1] / 64, hw[0] / 64] * 2)
    listed: list[list[float]] = rows.tolist()
    return listed


@pytest.mark.parametrize("hw", [(64, 64), (96, 160)])
def test_boxes_are_in_pixels_of_the_picture(
    detector_file: Path, example: Path, tmp_path: Path, hw: tuple[int, int]
) -> None:
    picture = tmp_path / "shapes.png"
    Image.open(example).resize(hw[::-1]).save(picture)
    (row,) = read(detector_file, picture, *LOW)
    assert (row["image"], row["size"], row["error"]) == (str(picture), list(hw), None)
    names = load_network(detector_file).class_names
    expected = expected_objects(detector_file, picture, hw)
    assert len(row["predictions"]) == len(expected) > 0
    for got, (*box, label, probability) in zip(row["predictions"], expected, strict=True):
        assert got["class_name"] == names[int(label)]
        assert got["probability"] == pytest.approx(probability, abs=1e-5)
        assert got["box"] == pytest.approx(box, abs=1e-2)
        assert 0 <= got["box"][0] <= got["box"][2] <= hw[1]
        assert 0 <= got["box"][1] <= got["box"][3] <= hw[0]


def test_the_threshold_and_the_number_limit_what_is_shown(
    detector_file: Path, example: Path
) -> None:
    (all_of_them,) = read(detector_file, example, *LOW)
    probabilities = [each["probability"] for each in all_of_them["predictions"]]
    assert probabilities == sorted(probabilities, reverse=True)
    middle = (probabilities[0] + probabilities[-1]) / 2
    (some,) = read(detector_file, example, "--score-threshold", middle)
    assert [each["probability"] for each in some["predictions"]] == pytest.approx(
        [each for each in probabilities if each >= middle]
    )
    (one,) = read(detector_file, example, *LOW, "--detections-per-image", 1)
    assert one["predictions"] == all_of_them["predictions"][:1]


def test_boxes_are_drawn_over_the_pictures(
    detector_file: Path, example: Path, tmp_path: Path, drawn: list[BoxedPicture]
) -> None:
    Image.open(example).resize((1600, 1200)).save(tmp_path / "large.png")
    sheet = tmp_path / "sheet.png"
    arguments = (detector_file, example, tmp_path / "large.png", "nothing.png", *LOW)
    done = predict(*arguments, "--picture", sheet)
    assert done.exit_code == 1
    assert f"boxes are drawn in {sheet}" in done.stdout
    with Image.open(sheet) as picture:
        assert min(picture.size) > 300
    small, large = drawn
    assert (small.name, small.pixels.shape) == (example.name, (3, 64, 64))
    assert (large.name, large.pixels.shape) == ("large.png", (3, 600, 800))
    rows = read(*arguments)
    for shown, row, scale in ((small, rows[0], 1), (large, rows[1], 0.5)):
        assert len(shown.boxes) == len(row["predictions"])
        for box, told in zip(shown.boxes, row["predictions"], strict=True):
            assert box.label == f"{told['class_name']} {told['probability']:.0%}"
            assert box.edges == pytest.approx([scale * edge for edge in told["box"]])
    assert (rows[2]["size"], rows[2]["predictions"]) == (None, None)
    assert "nothing.png: no such file" in rows[2]["error"]


def test_a_table_lists_the_objects(detector_file: Path, example: Path) -> None:
    (row,) = read(detector_file, example, *LOW, "--detections-per-image", 2)
    words = " ".join(predict(detector_file, example, *LOW).stdout.split())
    for each in row["predictions"]:
        edges = " ".join(f"{edge:.1f}" for edge in each["box"])
        assert f"{each['class_name']} {each['probability']:.1%} {edges}" in words
    assert "edges in pixels of the picture" in words
    assert "nothing" in predict(detector_file, example, "--score-threshold", 0.99).stdout


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "I;16", "1"])
def test_pictures_of_other_modes(
    detector_file: Path, tmp_path: Path, mode: str, drawn: list[BoxedPicture]
) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)
    if mode == "I;16":
        picture = Image.fromarray(grey.astype(np.uint16) * 257)
    else:
        picture = Image.fromarray(grey).convert(mode)
    picture.save(tmp_path / "other.png")
    arguments = (detector_file, tmp_path / "other.png", *LOW, "--picture", tmp_path / "s.png")
    (row,) = read(*arguments)
    assert row["size"] == [40, 50]
    assert row["predictions"]
    assert drawn[0].pixels.shape[1:] == (40, 50)


def test_boxes_are_in_the_upright_picture(
    detector_file: Path, example: Path, tmp_path: Path
) -> None:
    upright = Image.open(example).resize((48, 96))
    upright.save(tmp_path / "upright.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    upright.rotate(90, expand=True).save(tmp_path / "turned.png", exif=exif)
    first, second = read(detector_file, tmp_path / "upright.png", tmp_path / "turned.png", *LOW)
    assert first["size"] == second["size"] == [96, 48]
    assert first["predictions"] == second["predictions"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--top", 3), "is a detector, which takes --score-threshold, --detections-per-image"),
        (("--score-threshold", 1), "--score-threshold must be 0 or more and below 1, got 1"),
        (("--score-threshold", -0.1), "--score-threshold must be 0 or more and below 1, got -0.1"),
        (("--detections-per-image", 0), "--detections-per-image must be 1 or more, got 0"),
        (("--picture", "sheet.jpg"), "--picture must end in .png, got 'sheet.jpg'"),
        (("--picture", "no/such/folder.png"), "cannot draw no/such/folder.png: No such file"),
        (("--batch", 0), "--batch must be 1 or more, got 0"),
    ],
)
def test_options_that_cannot_be(
    detector_file: Path, example: Path, options: tuple[object, ...], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        predict(detector_file, example, *options)


def test_no_picture_is_no_sheet(detector_file: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--picture: no picture can be read"):
        predict(detector_file, "nothing.png", "--picture", tmp_path / "sheet.png")
    assert not (tmp_path / "sheet.png").exists()


def test_what_cannot_be_read_is_named(detector_file: Path, example: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "model.pt"
    damaged.write_bytes(detector_file.read_bytes()[:2000])
    with pytest.raises(CheckpointError, match=r"model.pt"):
        predict(damaged, example)
    Image.fromarray(np.zeros((8, 8), np.float32)).save(tmp_path / "float.tiff")
    result = predict(detector_file, tmp_path / "float.tiff", example)
    assert result.exit_code == 1
    assert "float.tiff has Pillow mode 'F', for which no conversion is stated" in result.stderr
    assert example.name in "".join(result.stdout.split())


def test_pictures_are_detected_from_python(detector_file: Path, example: Path) -> None:
    network = load_network(detector_file)
    with Image.open(example) as picture:
        by_name, by_picture = network.detect(example, picture.copy(), score_threshold=0.01)
    (row,) = read(detector_file, example, *LOW)
    assert by_name == by_picture
    assert [each.class_name for each in by_name] == [
        each["class_name"] for each in row["predictions"]
    ]
    assert network.detect() == []
    with pytest.raises(ValueError, match="is a detector, which has no class of a whole image"):
        network.classify(example)
