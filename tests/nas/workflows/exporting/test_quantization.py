"""Quantisation to int8: it keeps the accuracy, or says which layers lose it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from nas.errors import CommandError
from nas.storage.networks.exports.onnx_file import OnnxNetwork, onnx_bytes
from nas.workflows.exporting import quantization
from nas.workflows.exporting.classifier_form import ClassifierForm
from nas.workflows.exporting.export import ExportableNetwork, export
from nas.workflows.exporting.quantization import LabelledImages, QuantizationImages, quantize


def test_a_network_keeps_its_accuracy(exportable: ExportableNetwork, tmp_path: Path) -> None:
    file = tmp_path / "digit.onnx"
    record = export(exportable, file, "onnx", "int8", None)
    assert record.precision == "int8"
    assert record.quantized is not None
    assert record.quantized.images == record.quantized.calibration_images == 100
    assert record.quantized.before - record.quantized.after <= 0.01
    content = file.read_bytes()
    assert b"QuantizeLinear" in content
    images = exportable.check.images
    with torch.no_grad():
        expected = exportable.model(images)
    assert (OnnxNetwork(content, "int8")(images) - expected).abs().max() > 1e-4  # it is another


class Sensitive(nn.Module):
    """Its second layer reads a small channel beside a large one, which 8 bits do not resolve."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 1, bias=False)
        self.second = nn.Conv2d(6, 3, 1, bias=False)
        self.rest = nn.Sequential(*[nn.Conv2d(3, 3, 1, bias=False) for _ in range(3)])
        with torch.no_grad():
            self.first.weight.copy_(torch.cat([torch.eye(3), 1e4 * torch.eye(3)])[..., None, None])
            self.second.weight.copy_(torch.eye(3, 6)[..., None, None])
            for index, layer in enumerate(self.rest, start=1):  # equal weights would be one
                layer.weight.copy_(index * torch.eye(3)[..., None, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.rest(self.second(self.first(x))).mean((2, 3))
        return out


@pytest.fixture(scope="module")
def sensitive() -> tuple[bytes, QuantizationImages]:
    model = Sensitive().eval()
    images = torch.randn(200, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        labels = model(images).argmax(1)

    def validation() -> Iterator[LabelledImages]:
        yield LabelledImages(images, labels)

    return onnx_bytes(model, images[:2]), QuantizationImages([images], validation, "accuracy")


def test_layers_that_lose_most_stay_float(
    sensitive: tuple[bytes, QuantizationImages], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, images = sensitive
    file = tmp_path / "float.onnx"
    file.write_bytes(content)
    monkeypatch.setattr(quantization, "MOST_LOST", 0.05)
    _, check = quantize(file, images, ClassifierForm(3))
    assert check.before == 1
    assert check.after >= 0.95
    assert {"first.weight", "second.weight"} <= set(check.float_layers)
    assert check.quantized_layers == 5 - len(check.float_layers) > 0

    monkeypatch.setattr(quantization, "MOST_LOST", -1)  # more than any can hold
    message = r"int8 loses too much: accuracy .* on 200 validation images.*lose most are "
    with pytest.raises(CommandError, match=message) as refused:
        quantize(file, images, ClassifierForm(3))
    assert re.search(r"first\.weight|second\.weight", str(refused.value))


@pytest.mark.parametrize(
    ("file_format", "message"),
    [
        ("safetensors", "int8 needs the format onnx, got safetensors"),
        ("onnx", "needs the training images"),
    ],
)
def test_what_int8_needs(
    file_format: str, message: str, exportable: ExportableNetwork, tmp_path: Path
) -> None:
    values = {**vars(exportable), "quantization": None}
    with pytest.raises(CommandError, match=message):
        export(ExportableNetwork(**values), tmp_path / "x.onnx", file_format, "int8", None)  # type: ignore[arg-type]
