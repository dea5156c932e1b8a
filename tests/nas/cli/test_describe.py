"""``nas describe``: images and classes that are asked for, and the kernels of attention."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nas.cli.application import app
from nas.cli.commands.networks.describe import show_architectures
from nas.cli.output import Output
from nas.errors import CommandError

Describe = Callable[..., dict[str, Any]]


@pytest.fixture
def describe(tmp_path: Path) -> Describe:
    def run(image: str = "", classes: int | None = None) -> dict[str, Any]:
        printed = io.StringIO()
        show_architectures(
            *(Output(as_json=True, file=printed), ["resnet50"], tmp_path),
            image=image,
            classes=classes,
            kernels=False,
        )
        data = json.loads(printed.getvalue())
        assert isinstance(data, dict)
        return data

    return run


def test_classes_and_image_change_the_task(describe: Describe) -> None:
    plain, small = describe(), describe("1x32x32", 2)
    assert plain["params"] - small["params"] == 998 * (2048 + 1) + 2 * 64 * 49
    assert plain["macs"] > 40 * small["macs"]


@pytest.mark.parametrize("classes", [0, -3])
def test_too_few_classes_are_refused(describe: Describe, classes: int) -> None:
    with pytest.raises(CommandError) as caught:
        describe(classes=classes)
    rule = "input should be greater than or equal to 1"
    assert str(caught.value) == f"--classes: {rule}, got {classes}"


@pytest.mark.parametrize("image", ["3x0x5", "0x3x5", "3x5", "big", "3x-2x5", "3x5x5x5", "3x5.5x5"])
def test_what_is_no_image_is_refused(describe: Describe, image: str) -> None:
    with pytest.raises(CommandError) as caught:
        describe(image=image)
    rule = "--image is CHANNELSxHEIGHTxWIDTH, each at least 1, such as 3x32x32"
    assert str(caught.value) == f"{rule}, got {image!r}"


def test_no_classes_at_all_are_those_of_the_paper() -> None:
    done = CliRunner().invoke(app, ["describe", "resnet50", "--json"])
    assert json.loads(done.output)["params"] == 25_557_032
    refused = CliRunner().invoke(app, ["describe", "resnet50", "--classes", "0"])
    assert isinstance(refused.exception, CommandError)


def test_the_kernels_of_attention() -> None:
    command = ["describe", "sasa_resnet26@0.25", "--image", "3x32x32", "--kernels"]
    printed = CliRunner().invoke(app, command)
    assert printed.exit_code == 0, printed.output
    assert "stages.0.0.branch.3" in printed.output
    assert "7x7 window" in printed.output
    data = json.loads(CliRunner().invoke(app, [*command, "--json"]).output)
    assert len(data["attention"]) == 9
    first = data["attention"][1]
    assert (first["map_hw"], first["extent"], first["dtype"]) == ([8, 8], 7, "float32")
    assert first["implementation"] in ("cpp", "torch (dense)")  # is there a compiler?


def test_there_are_none_without_attention() -> None:
    printed = CliRunner().invoke(app, ["describe", "resnet26@0.25", "--kernels"])
    assert printed.output.strip() == "there is no attention in this architecture"


@pytest.mark.parametrize(("name", "begins"), [("n.svg", b"<svg "), ("n.PNG", b"\x89PNG")])
def test_a_network_is_drawn(tmp_path: Path, name: str, begins: bytes) -> None:
    file = tmp_path / name
    done = CliRunner().invoke(app, ["describe", "resnet20", "--draw", str(file)])
    assert done.exit_code == 0
    assert f"drawn in {file}" in done.output.replace("\n", "")
    assert file.read_bytes().startswith(begins)


@pytest.mark.parametrize(
    ("names", "file", "message"),
    [
        (["resnet20"], "n.jpg", r"--draw must end in .svg or .png, got 'n.jpg'"),
        (["resnet20", "resnet18"], "n.svg", r"--draw draws one network, got 2: resnet20, resnet18"),
    ],
)
def test_what_cannot_be_drawn(names: list[str], file: str, message: str) -> None:
    done = CliRunner().invoke(app, ["describe", *names, "--draw", file])
    assert isinstance(done.exception, CommandError)
    assert str(done.exception) == message
    assert not Path(file).exists()


def test_several_are_described_in_the_order_given() -> None:
    names = ["resnet20", "resnet18@0.25", "resnet20"]
    printed = CliRunner().invoke(app, ["describe", *names]).output
    lines = printed.splitlines()
    assert [line for line in lines if line in names] == names
    data = json.loads(CliRunner().invoke(app, ["describe", *names, "--json"]).output)
    alone = json.loads(CliRunner().invoke(app, ["describe", names[0], "--json"]).output)
    assert data[0] == data[2] == alone
    assert f"{data[1]['params']:,}" in printed


def test_one_unknown_among_several_is_one_message_and_nothing_is_printed() -> None:
    done = CliRunner().invoke(app, ["describe", "resnet20", "resnet200"])
    assert isinstance(done.exception, CommandError)
    assert "'resnet200' is not the name of a network" in str(done.exception)
    assert "did you mean 'resnet20'?" in str(done.exception)
    assert not done.output
