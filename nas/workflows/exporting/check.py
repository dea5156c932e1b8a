"""The check of an exported file: it is run, and its outputs are compared with the network's."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from nas.errors import CommandError
from nas.storage.networks.exports.formats import ExportFormat
from nas.storage.networks.exports.onnx_file import OnnxNetwork
from nas.storage.networks.exports.record import OutputCheck, Precision
from nas.storage.networks.network_file import load_network
from nas.workflows.exporting import run_program
from nas.workflows.exporting.file_form import FileForm, Outputs, as_outputs

TOLERANCES: dict[Precision, float] = {"float32": 1e-4, "float16": 2e-2, "int8": 1e-4}
"""The largest difference of an output that an export may have, over its largest value.

Rounding of 24 and 11 bits, over a hundred layers. For int8, of the float32 file before it is
quantised; what quantising loses is measured by accuracy."""


def check_outputs(
    path: Path,
    file_format: ExportFormat,
    form: FileForm,
    model: nn.Module,
    images: Tensor,
    source: str,
    precision: Precision,
) -> OutputCheck:
    """Run a file on images, and compare its outputs with the network's.

    Args:
        path: the file.
        file_format: of the file.
        form: of the file.
        model: the network, in evaluation mode, on the CPU.
        images: ``[N, C, H, W]``, float32.
        source: of the images, for the record.
        precision: of the file's weights.

    Raises:
        CommandError: an output differs by more than the tolerance, or the file does not run.
    """
    given = _outputs_of(path, file_format, form, images)
    expected = form.expected(_run(form.module(model), images), given)
    names = [output.name for output in form.outputs("onnx")][: len(given)]
    tolerance, largest_difference = TOLERANCES[precision], 0.0
    for name, got, wanted in zip(names, given, expected, strict=True):
        largest = wanted.abs().max().clamp_min(torch.finfo(torch.float32).tiny)
        difference = float((got - wanted).abs().max() / largest)
        if not difference <= tolerance:  # nor is it a number
            raise CommandError(
                f"{path} does not compute what the network does: its {name} differ by "
                f"{difference:.2g} of the largest, on {len(images)} of {source}; the tolerance is "
                f"{tolerance:g}"
            )
        largest_difference = max(largest_difference, difference)
    return OutputCheck(
        images=len(images),
        source=source,
        largest_difference=largest_difference,
        tolerance=tolerance,
    )


def _outputs_of(path: Path, file_format: ExportFormat, form: FileForm, images: Tensor) -> Outputs:
    """Run a file as another's program would, as far as its format allows.

    ONNX Runtime runs ONNX; torch.export's program runs in a process that cannot import this
    package; safetensors are weights, which this package's network takes.

    Raises:
        CommandError: the program does not run there.
    """
    if file_format == "onnx":
        return as_outputs(OnnxNetwork(path.read_bytes(), str(path))(images))
    if file_format == "torch_export":
        return _elsewhere(path, images)
    model = load_network(path, imports=True).model  # made here, from a network here
    return _run(form.module(model), images)


def _run(module: nn.Module, images: Tensor) -> Outputs:
    with torch.no_grad():
        return as_outputs(module(images))


def _elsewhere(path: Path, images: Tensor) -> Outputs:
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "images.npy", Path(folder) / "outputs.npz"
        np.save(before, images.numpy())
        words = [sys.executable, str(run_program.__file__), str(path), str(before), str(after)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = done.stderr.strip().splitlines()[-1:]
            raise CommandError(
                f"{path} does not run in a process without this package: {''.join(last)}"
            )
        with np.load(after) as outputs:
            return tuple(torch.from_numpy(outputs[name]) for name in outputs.files)
