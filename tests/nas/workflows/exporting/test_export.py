"""Exported files compute what the network does, with and without this package."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from typer.testing import CliRunner

from nas.cli.application import app
from nas.errors import CommandError
from nas.storage.networks.exports.formats import ENDINGS, FORMATS, ExportFormat, library
from nas.storage.networks.exports.onnx_file import OnnxNetwork, onnx_bytes, with_metadata
from nas.storage.networks.network_file import load_network
from nas.storage.networks.saved_network import SavedNetwork
from nas.workflows.exporting.check import check_outputs
from nas.workflows.exporting.classifier_form import ClassifierForm
from nas.workflows.exporting.export import ExportableNetwork, export
from nas.workflows.exporting.images import noise, untrained
from search_space.architecture import Task
from search_space.layers.blockwise_projection import blockwise_projection
from search_space.networks import build
from search_space.zoo import network
from tests.nas.workflows.exporting.bare_environment import environment_with
from tests.nas.workflows.exporting.conftest import ARCHITECTURE
from trainers import CheckpointError

DEPLOY = Path(__file__).parents[4] / "docs" / "deploy.md"
every_format = pytest.mark.parametrize("file_format", FORMATS)


@every_format
def test_a_file_predicts_as_the_network_does(
    file_format: ExportFormat, exports: dict[ExportFormat, Path], saved: SavedNetwork
) -> None:
    read = load_network(exports[file_format], require_complete=True)
    x = torch.randn(5, 1, 8, 8)
    for expected, got in zip(saved.predictions(x, 10), read.predictions(x, 10), strict=True):
        assert [c for c, _ in expected] == [c for c, _ in got]
        assert [p for _, p in expected] == pytest.approx([p for _, p in got], abs=1e-5)
    assert (read.architecture, read.task, read.record) == (ARCHITECTURE, saved.task, saved.record)


@every_format
def test_the_command_predict_reads_every_format(
    file_format: ExportFormat,
    exports: dict[ExportFormat, Path],
    saved: SavedNetwork,
    tmp_path: Path,
) -> None:
    picture = tmp_path / "digit.png"
    pixels = np.random.default_rng(0).integers(0, 256, (16, 13), dtype=np.uint8)
    Image.fromarray(pixels).save(picture)
    words = ["predict", str(exports[file_format]), str(picture), "--json"]
    (row,) = json.loads(CliRunner().invoke(app, words).stdout)
    ((expected,),) = saved.classify(picture)
    assert row["predictions"][0]["class_name"] == expected.class_name
    Image.fromarray(pixels.astype(np.float32)).save(tmp_path / "float.tiff")
    refused = CliRunner().invoke(app, [*words[:2], str(tmp_path / "float.tiff")])
    assert refused.exit_code == 1
    assert "float.tiff" in refused.stderr


@every_format
def test_the_record_lies_beside_the_file(
    file_format: ExportFormat, exports: dict[ExportFormat, Path], saved: SavedNetwork
) -> None:
    file = exports[file_format]
    record = json.loads(file.with_name(f"{file.name}.json").read_text())
    assert record["licence"] == "CC0-1.0"
    assert record["network"]["class_names"] == list(saved.class_names)
    assert record["network"]["accuracies"]["test"]["images"] > 0
    assert record["checked"]["source"] == "the validation images of digits"
    assert record["checked"]["largest_difference"] <= record["checked"]["tolerance"]
    assert {"architecture", "costs", "precision", "task"} <= record.keys()


def test_the_script_of_the_docs_needs_onnxruntime_numpy_and_pillow_alone(
    exports: dict[ExportFormat, Path], saved: SavedNetwork, tmp_path: Path
) -> None:
    script = tmp_path / "classify.py"
    script.write_text(DEPLOY.read_text().split("```python\n")[1].split("```")[0])
    rng = np.random.default_rng(0)
    pictures = {
        "grey.png": Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)),
        "colour.png": Image.fromarray(rng.integers(0, 256, (20, 31, 3), dtype=np.uint8)),
        "clear.png": Image.fromarray(rng.integers(0, 256, (9, 12, 4), dtype=np.uint8)),
        "deep.png": Image.fromarray(rng.integers(0, 2**16, (12, 9), dtype=np.uint16)),
    }
    for name, picture in pictures.items():
        picture.save(tmp_path / name)
    python = environment_with(tmp_path / "environment", "onnxruntime", "numpy", "pillow")
    missing = subprocess.run(
        [python, "-c", "import torch"], cwd=tmp_path, env={}, capture_output=True, check=False
    )
    assert missing.returncode != 0  # the environment is bare
    done = subprocess.run(
        [python, script, exports["onnx"], *pictures],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for line, name in zip(done.stdout.splitlines(), pictures, strict=True):
        ((expected,),) = saved.classify(tmp_path / name)
        file, class_name, probability = line.split("\t")
        assert (file, class_name) == (name, expected.class_name)
        assert float(probability) == pytest.approx(expected.probability, abs=2e-4)


@pytest.mark.parametrize("file_format", ["torch_export", "safetensors"])
def test_half_precision(
    file_format: ExportFormat, exportable: ExportableNetwork, tmp_path: Path
) -> None:
    file = tmp_path / f"half{ENDINGS[file_format]}"
    record = export(exportable, file, file_format, "float16", None)
    assert record.checked is not None
    assert 0 < record.checked.largest_difference <= 2e-2


class WithOperator(nn.Module):
    """A network with an operator of this project, which no other program has."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        matrices = torch.ones(1, 1, 10, 1)
        out: torch.Tensor = blockwise_projection(x, matrices, 1)
        return out.mean((2, 3))


@pytest.mark.parametrize(
    ("file_format", "message"),
    [
        ("onnx", "onnx cannot hold this network"),
        ("torch_export", "does not run in a process without this package"),
    ],
)
def test_an_operator_that_others_lack_is_refused(
    file_format: ExportFormat, message: str, tmp_path: Path, task: Task
) -> None:
    network = ExportableNetwork(WithOperator().eval(), ARCHITECTURE, task, None, noise(task))
    with pytest.raises(CommandError, match=message):
        export(network, tmp_path / "own.file", file_format, "float32", None)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_computes_something_else_is_refused(
    exports: dict[ExportFormat, Path], saved: SavedNetwork
) -> None:
    images = torch.randn(4, 1, 8, 8)
    other = nn.Sequential(saved.model, nn.Threshold(0.5, 0))
    form = ClassifierForm(10)
    with pytest.raises(CommandError, match=r"its logits differ by .* on 4 of noise; the tolerance"):
        check_outputs(exports["onnx"], "onnx", form, other, images, "noise", "float32")


@every_format
def test_damaged_files_and_files_without_record(
    file_format: ExportFormat,
    exports: dict[ExportFormat, Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole = exports[file_format].read_bytes()
    damaged = tmp_path / exports[file_format].name
    damaged.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=rf"{damaged.name} is no"):
        load_network(damaged)
    damaged.write_bytes(exports["onnx" if file_format != "onnx" else "safetensors"].read_bytes())
    with pytest.raises(CheckpointError, match=rf"{damaged.name} is no"):
        load_network(damaged)
    assert caplog.text == ""
    damaged.unlink()
    with pytest.raises(CheckpointError, match=f"cannot read .*{damaged.name}"):
        load_network(damaged)


def test_an_onnx_file_of_another_program_has_no_record(
    exports: dict[ExportFormat, Path], tmp_path: Path
) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(with_metadata(exports["onnx"].read_bytes(), {}))
    with pytest.raises(CheckpointError, match=r"has no record: `nas export` did not write it"):
        load_network(other)
    other.write_bytes(with_metadata(exports["onnx"].read_bytes(), {"convattn": "{}"}))
    with pytest.raises(CheckpointError, match=r"its record is not valid: .*architecture"):
        load_network(other)


def test_images_of_another_size(exports: dict[ExportFormat, Path]) -> None:
    network = OnnxNetwork(exports["onnx"].read_bytes(), "digit.onnx")
    assert network(torch.zeros(1, 1, 8, 8)).shape == (1, 10)
    with pytest.raises(ValueError, match=r"takes images \[1, 8, 8\] \[C, H, W\], got \[3, 8, 9\]"):
        network(torch.zeros(1, 3, 8, 9))


def test_a_library_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(
        CommandError, match=r"needs onnxscript, .* pip install 'convattn\[export\]'"
    ):
        onnx_bytes(nn.Identity(), torch.zeros(2, 1))
    assert library("onnx").__name__ == "onnx"


def test_a_network_with_random_weights_is_not_ill_conditioned(task: Task) -> None:
    small = task.replace(input_shape=(3, 32, 32))
    images = noise(small).images
    model = untrained(build(network("resnet50@0.125"), small, seed=0), images)
    norms = [each for each in model.modules() if isinstance(each, nn.BatchNorm2d)]
    assert {norm.momentum for norm in norms} == {0.1}
    assert not model.training
    assert not torch.equal(norms[0].running_var, torch.ones_like(norms[0].running_var))
    last = model.stages[-1][-1]
    seen: list[torch.Tensor] = []
    last.register_forward_hook(lambda module, x, output: seen.append(output))
    with torch.no_grad():
        model(images)
        model.train()(images)
    assert 0.5 < seen[0].std() / seen[1].std() < 2  # as in training
