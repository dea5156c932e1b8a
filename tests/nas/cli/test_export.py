"""``nas export``: what is named is exported, and contradictions are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from nas.cli.application import app
from nas.errors import CommandError
from nas.storage.networks.network_file import load_network

ARCHITECTURE = {
    "stem": {"type": "conv", "kernel": 3, "stride": 1, "pool": False, "width": 4},
    "stages": [{"width": 8, "stride": 1, "blocks": [{"type": "conv"}]}],
    "task": {"dataset": "digits", "input_shape": [1, 8, 8], "classes": 10},
}


def command(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [*map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def network_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "network.json"
    task = ARCHITECTURE["task"]
    shape = {key: value for key, value in ARCHITECTURE.items() if key != "task"}
    file.write_text(json.dumps({"architecture": shape, "task": task}))
    return file


def test_an_architecture_is_exported_with_random_weights(network_file: Path) -> None:
    rows: list[dict[str, Any]] = json.loads(
        command("export", network_file, "--format", "safetensors", "--json").stdout
    )
    (row,) = rows
    file = Path(row["file"])
    assert (file.name, row["format"]) == ("network.safetensors", "safetensors")
    assert (row["bytes"], row["network"]) == (file.stat().st_size, None)
    assert row["checked"]["source"] == "images of noise"
    assert "not trained" in command("export", network_file, "-o", "x.safetensors").stdout

    Image.fromarray(np.zeros((8, 8), np.uint8)).save("digit.png")
    with pytest.raises(Exception, match="holds a network that was not trained"):
        command("predict", file, "digit.png")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "onx"], "--format cannot be 'onx'.*onnx"),
        (["--precision", "int4"], "--precision cannot be 'int4'.*int8"),
        (["-o", "x.tflite"], r"--output must end in one of \.onnx, \.pt2, \.safetensors"),
        (["--format", "onnx", "-o", "x.pt2"], "'x.pt2' contradicts --format onnx, whose .*onnx"),
        (["--precision", "int8"], "int8 needs the training images"),
        (["--precision", "int8", "--format", "safetensors"], "int8 needs the format onnx"),
        (["--pick", "all", "-o", "x.onnx"], "--output names one file, and --pick all several"),
        (["--image", "1x8"], "--image is CHANNELSxHEIGHTxWIDTH"),
        (
            ["--image", "1x8x8", "--classes", "1"],
            "1x8x8: a classifier needs at least 2 classes, got 1",
        ),
        (["-o", "nowhere/x.safetensors"], "cannot write nowhere/x.safetensors: No such file"),
    ],
)
def test_contradictions(network_file: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        command("export", network_file, *arguments)
    assert [file.name for file in network_file.parent.iterdir()] == ["network.json"]


def test_images_and_classes_of_a_network_of_the_zoo(tmp_path: Path) -> None:
    words = ("export", "resnet20@0.25", "--image", "1x12x10", "--classes", 3)
    (row,) = json.loads(command(*words, "-o", tmp_path / "small.safetensors", "--json").stdout)
    assert (row["task"]["input_shape"], row["task"]["classes"]) == ([1, 12, 10], 3)
    assert (
        load_network(tmp_path / "small.safetensors").model(torch.zeros(1, 1, 12, 10)).numel() == 3
    )
    with pytest.raises(CommandError, match="--image and --classes are for networks that were not"):
        command("export", tmp_path / "small.safetensors", "--classes", 3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["export", "digit.onnx"], "digit.onnx is an export already"),
        (["attention-maps", "digit.pt2"], "digit.pt2 holds operators instead of layers"),
        (["export", "resnet51"], "is not the name of a network"),
    ],
)
def test_what_has_no_layers(words: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        command(*words)
