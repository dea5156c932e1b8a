"""The check of an exported file: it is run, and its logits are compared with the network's."""

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

TOLERANCES: dict[Precision, float] = {"float32": 1e-4, "float16": 2e-2, "int8": 1e-4}
"""The largest difference of logits that an export may have, over the largest logit.

Rounding of 24 and 11 bits, over a hundred layers. For int8, of the float32 file before it is
quantised; what quantising loses is measured by accuracy."""


def check_logits(
    path: Path,
    file_format: ExportFormat,
    model: nn.Module,
    images: Tensor,
    source: str,
    precision: Precision,
) -> OutputCheck:
    """Run a file on images, and compare its logits with the network's.

    Args:
        path: the file.
        file_format: of the file.
        model: the network, in evaluation mode, on the CPU.
        images: ``[N, C, H, W]``, float32.
        source: of the images, for the record.
        precision: of the file's weights.

    Raises:
        CommandError: the logits differ by more than the tolerance, or the file does not run.
    """
    with torch.no_grad():
        expected = model(images)
    got = logits_of(path, file_format, images)
    largest = expected.abs().max().clamp_min(torch.finfo(torch.float32).tiny)
    difference = float((got - expected).abs().max() / largest)
    tolerance = TOLERANCES[precision]
    if not difference <= tolerance:  # nor is it a number
        raise CommandError(
            f"{path} does not compute what the network does: its logits differ by "
            f"{difference:.2g} of the largest, on {len(images)} of {source}; the tolerance is "
            f"{tolerance:g}"
        )
    return OutputCheck(
        images=len(images), source=source, largest_difference=difference, tolerance=tolerance
    )


def logits_of(path: Path, file_format: ExportFormat, images: Tensor) -> Tensor:
    """Run a file as another's program would, as far as its format allows.

    ONNX Runtime runs ONNX; torch.export's program runs in a process that cannot import this
    package; safetensors are weights, which this package's network takes.

    Raises:
        CommandError: the program does not run there.
    """
    if file_format == "onnx":
        logits: Tensor = OnnxNetwork(path.read_bytes(), str(path))(images)
        return logits
    if file_format == "torch_export":
        return _elsewhere(path, images)
    model = load_network(path, imports=True).model  # made here, from a network here
    with torch.no_grad():
        return Tensor(model(images))


def _elsewhere(path: Path, images: Tensor) -> Tensor:
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "images.npy", Path(folder) / "logits.npy"
        np.save(before, images.numpy())
        words = [sys.executable, str(run_program.__file__), str(path), str(before), str(after)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = done.stderr.strip().splitlines()[-1:]
            raise CommandError(
                f"{path} does not run in a process without this package: {''.join(last)}"
            )
        return torch.from_numpy(np.load(after))
