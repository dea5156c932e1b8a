"""Exported detectors: what is inside each file, and that it is what the network computes."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from torch import Tensor
from typer.testing import CliRunner

from nas.cli.application import app
from nas.errors import CommandError
from nas.storage.networks.exports.formats import ENDINGS, FORMATS, ExportFormat
from nas.storage.networks.exports.onnx_file import OnnxNetwork, with_metadata
from nas.storage.networks.exports.record import RECORD_KEY
from nas.storage.networks.network_file import load_network
from nas.storage.networks.retraining import example_folder
from nas.storage.networks.saved_network import SavedNetwork
from nas.storage.run.folder import RunFolder
from nas.workflows.exporting import quantization
from nas.workflows.exporting.check import check_outputs
from nas.workflows.exporting.detector_form import DetectorForm
from nas.workflows.exporting.export import ExportableNetwork, export
from nas.workflows.exporting.images import compared_images, quantization_images, splits_of
from tests.nas.workflows.exporting.bare_environment import environment_with
from trainers import CheckpointError
from trainers.recipe import Detection
from trainers.tasks.detection.detections import detections

DEPLOY = Path(__file__).parents[4] / "docs" / "deploy.md"
SLOW = {"torch_export": pytest.mark.slow}  # tracing takes seconds, as for ONNX
every_format = pytest.mark.parametrize(
    "file_format", [pytest.param(name, marks=SLOW.get(name, ())) for name in FORMATS]
)
Exported = Callable[[ExportFormat], Path]


@pytest.fixture(scope="module")
def saved(detector_file: Path) -> SavedNetwork:
    return load_network(detector_file)


@pytest.fixture(scope="module")
def exportable(saved: SavedNetwork, detector_file: Path) -> ExportableNetwork:
    splits = splits_of(saved, RunFolder.around(detector_file))
    return ExportableNetwork(
        saved.model,
        saved.architecture,
        saved.task,
        saved.record,
        compared_images(saved, splits),
        quantization_images(saved, splits),
    )


@pytest.fixture(scope="module")
def exported(exportable: ExportableNetwork, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The detector's file in a format."""
    folder = tmp_path_factory.mktemp("exports")

    @cache
    def write(file_format: ExportFormat) -> Path:
        file = folder / f"shapes{ENDINGS[file_format]}"
        export(exportable, file, file_format, "float32", None)
        return file

    return write


def record_beside(file: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(file.with_name(f"{file.name}.json").read_text())
    return record


def decoded(saved: SavedNetwork, x: Tensor) -> tuple[Tensor, Tensor]:
    """The boxes and scores of the network itself."""
    with torch.no_grad():
        outputs = saved.model(x)
        boxes: Tensor = saved.model.boxes(outputs, (64, 64))
    return boxes, outputs.logits.sigmoid()


@every_format
def test_the_command_predict_reads_every_format(
    file_format: ExportFormat, exported: Exported, detector_file: Path
) -> None:
    pictures = [str(file) for file in sorted(example_folder(detector_file.parents[1]).iterdir())]

    def rows(file: Path) -> list[dict[str, Any]]:
        words = ["predict", str(file), *pictures, "--score-threshold", "0.02", "--json"]
        read: list[dict[str, Any]] = json.loads(CliRunner().invoke(app, words).stdout)
        return read

    for got, expected in zip(rows(exported(file_format)), rows(detector_file), strict=True):
        assert got["size"] == expected["size"] == [64, 64]
        assert len(got["predictions"]) == len(expected["predictions"])
        for one, other in zip(got["predictions"], expected["predictions"], strict=True):
            assert one["class_name"] == other["class_name"]
            assert one["probability"] == pytest.approx(other["probability"], abs=1e-4)
            assert one["box"] == pytest.approx(other["box"], abs=1e-2)


@every_format
def test_the_record_says_what_is_inside(
    file_format: ExportFormat, exported: Exported, saved: SavedNetwork
) -> None:
    record = record_beside(exported(file_format))
    anchors = 3 * (8 * 8 + 4 * 4)
    shapes = {output["name"]: output["shape"] for output in record["outputs"]}
    expected = {
        "boxes": ["N", anchors, 4],
        "scores": ["N", anchors, saved.task.classes],
        "detections": ["N", 100, 6],
    }
    inside = {"onnx": list(expected), "torch_export": ["boxes", "scores"], "safetensors": []}
    assert shapes == {name: expected[name] for name in inside[file_format]}
    assert record["suppression"] == {
        "is_inside": file_format == "onnx",
        "score_threshold": 0.001,
        "candidates_per_image": 1000,
        "suppression_iou": 0.5,
        "detections_per_image": 100,
    }
    assert record["checked"]["source"] == "the validation images of shapes"
    assert record["checked"]["largest_difference"] <= record["checked"]["tolerance"]


def test_an_onnx_file_decodes_and_suppresses(exported: Exported, saved: SavedNetwork) -> None:
    content = exported("onnx").read_bytes()
    x = torch.randn(3, 3, 64, 64)
    boxes, scores, rows = OnnxNetwork(content, "shapes.onnx")(x)
    for got, expected in zip((boxes, scores), decoded(saved, x), strict=True):
        torch.testing.assert_close(got, expected, atol=1e-3, rtol=1e-4)
    assert saved.record is not None
    assert torch.equal(rows, detections(scores, boxes, saved.record.recipe.detection))
    graph = onnx.load_from_string(content).graph
    assert {node.domain for node in graph.node} <= {"", "ai.onnx"}
    names = {node.name for node in graph.node}
    assert any(name.startswith("stages.1.0") for name in names)
    assert any(name.startswith("class_head") for name in names)
    assert not any(name.startswith("model.") for name in names)
    weights = {tensor.name for tensor in graph.initializer}
    assert "class_head.operators.0.weight" in weights


@pytest.mark.slow
def test_a_program_decodes_and_leaves_suppression_outside(
    exported: Exported, saved: SavedNetwork
) -> None:
    x = torch.randn(3, 3, 64, 64)
    outputs = torch.export.load(exported("torch_export")).module()(x)
    for got, expected in zip(outputs, decoded(saved, x), strict=True):
        torch.testing.assert_close(got, expected, atol=1e-3, rtol=1e-4)


def test_the_scripts_of_the_docs_need_few_packages(
    exported: Exported, detector_file: Path, tmp_path: Path
) -> None:
    """The first has suppression inside; the second does it in NumPy, with any threshold."""
    script, own = re.findall(r"```python\n(# detect.py.*?|def suppressed.*?)```", *docs())
    (tmp_path / "detect.py").write_text(script)
    picture = tmp_path / "shapes.png"
    example = sorted(example_folder(detector_file.parents[1]).iterdir())[0]
    Image.open(example).resize((96, 48)).save(picture)
    python = environment_with(tmp_path / "environment", "onnxruntime", "numpy", "pillow")
    done = subprocess.run(
        [python, tmp_path / "detect.py", exported("onnx"), picture],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    network = load_network(detector_file)
    (expected,) = network.detect(picture, score_threshold=0.3)
    (more,) = network.detect(picture, score_threshold=0.001)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    for (file, name, probability, *box), told in zip(lines, more, strict=True):
        assert (file, name) == (str(picture), told.class_name)
        assert float(probability) == pytest.approx(told.probability, abs=2e-4)
        assert [float(edge) for edge in box] == pytest.approx(told.box, abs=0.1)
    assert len(expected) <= len(more)

    namespace: dict[str, Any] = {"np": np}
    exec(own, namespace)
    x = network.preprocess(picture)
    boxes, scores = (each[0].numpy() for each in decoded(network, x))
    settings = Detection(score_threshold=0.02, suppression_iou=0.4, detections_per_image=9)
    (rows,) = detections(torch.tensor(scores)[None], torch.tensor(boxes)[None], settings)
    got = namespace["suppressed"](
        boxes, scores, least=0.02, candidates=1000, most_overlap=0.4, most=9
    )
    np.testing.assert_allclose(got, rows[rows[:, 5] > 0].numpy(), rtol=1e-5)


def docs() -> tuple[str, re.RegexFlag]:
    return DEPLOY.read_text(), re.S


@pytest.mark.parametrize(
    "file_format",
    [
        pytest.param("onnx", marks=pytest.mark.slow),
        pytest.param("torch_export", marks=pytest.mark.slow),
        "safetensors",
    ],
)
def test_half_precision(
    file_format: ExportFormat, exportable: ExportableNetwork, tmp_path: Path
) -> None:
    file = tmp_path / f"half{ENDINGS[file_format]}"
    record = export(exportable, file, file_format, "float16", None)
    assert record.checked is not None
    assert 0 < record.checked.largest_difference <= 2e-2


@pytest.mark.slow
def test_int8_keeps_the_average_precision(
    exportable: ExportableNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantization, "MOST_LOST", 0.5)  # it was trained for a moment alone
    file = tmp_path / "shapes.onnx"
    record = export(exportable, file, "onnx", "int8", None)
    assert record.quantized is not None
    assert (record.quantized.images, record.quantized.calibration_images) == (6, 16)
    content = file.read_bytes()
    assert b"QuantizeLinear" in content
    network = OnnxNetwork(content, "int8")
    assert network.outputs == ("boxes", "scores", "detections")
    boxes, scores, rows = network(exportable.check.images)
    assert exportable.network is not None
    assert torch.equal(rows, detections(scores, boxes, exportable.network.recipe.detection))
    with pytest.raises(CommandError, match="int8 needs the format onnx, got torch_export"):
        export(exportable, tmp_path / "x.pt2", "torch_export", "int8", None)


def test_a_file_that_computes_something_else_is_refused(
    exported: Exported, saved: SavedNetwork
) -> None:
    images = torch.randn(2, 3, 64, 64)
    for settings, message in (
        (Detection(score_threshold=0.001), "its scores differ by .* on 2 of noise"),
        (Detection(score_threshold=0.001, suppression_iou=0.01), "its detections differ by"),
    ):
        form = DetectorForm(saved.architecture, saved.task, settings)
        other = saved.model
        if settings.suppression_iou == 0.5:
            other = _Shifted(saved.model)
        with pytest.raises(CommandError, match=message):
            check_outputs(exported("onnx"), "onnx", form, other, images, "noise", "float32")


class _Shifted(torch.nn.Module):
    """A detector with other logits."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        logits, offsets = self.model(x)
        return logits + 0.1, offsets


@every_format
def test_damaged_files(file_format: ExportFormat, exported: Exported, tmp_path: Path) -> None:
    whole = exported(file_format).read_bytes()
    damaged = tmp_path / exported(file_format).name
    damaged.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=rf"{damaged.name} is no"):
        load_network(damaged)


def test_a_file_without_the_outputs_of_a_detector(exported: Exported, tmp_path: Path) -> None:
    content = exported("onnx").read_bytes()
    model = onnx.load_from_string(content)
    text = OnnxNetwork(content, "shapes.onnx").record_json
    assert text is not None
    del model.graph.output[0]
    other = tmp_path / "other.onnx"
    other.write_bytes(with_metadata(model.SerializeToString(), {RECORD_KEY: text}))
    with pytest.raises(
        CheckpointError, match=r"its first outputs must be boxes, scores, got scores, detections"
    ):
        load_network(other)


def test_the_command_says_what_is_inside(detector_file: Path, tmp_path: Path) -> None:
    words = ["export", str(detector_file), "-o", str(tmp_path / "shapes.safetensors")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "test mAP" in done.output
    assert "inside the file: weights alone" in done.output


def test_an_untrained_detector_is_exported(tmp_path: Path) -> None:
    file = tmp_path / "small.safetensors"
    words = ["export", "retinanet_resnet50@0.0625", "--image", "3x128x128", "--classes", "2"]
    done = CliRunner().invoke(app, [*words, "-o", str(file), "--json"])
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)
    assert (row["network"], row["suppression"]["score_threshold"]) == (None, 0.05)
    assert load_network(file).model(torch.zeros(1, 3, 128, 128)).logits.shape[2] == 2
