"""Exported ONNX files: size, nodes, and time and memory in ONNX Runtime beside the package's own.

Each network is exported with random weights, compared with what it computes here, and both are
timed in turn on the same images. From the repository's root::

    python benchmarks/export.py [--quick] [--json FILE] [--threads N]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import torch
from interleaved import Effort, time_interleaved
from machine import machine_with
from options import parser_of, write_json
from step_memory import MIB
from tables import print_table
from torch import Tensor, nn

from nas.storage.networks.exports.onnx_file import onnx_bytes
from nas.workflows.exporting.images import noise, untrained
from search_space.architecture import Task
from search_space.attention import exportable, local_attention, preferred_on
from search_space.networks import build
from search_space.zoo import IMAGENET, network

BATCH = 8
TOLERANCE = 1e-4
"""The largest difference of the outputs, over the largest output."""

COLUMNS = {
    "network": "",
    "file_mib": "file MiB",
    "nodes": "nodes",
    "onnx_runtime_ms": "ORT ms",
    "onnx_runtime_spread_ms": "+-",
    "package_ms": "package ms",
    "package_spread_ms": "+-",
    "written_out_ms": "PyTorch, standard operators, ms",
    "onnx_runtime_ratio": "ORT / package",
    "onnx_runtime_peak_mib": "ORT peak MiB",
    "difference": "difference",
}


class LocalAttention(nn.Module):
    """Windows of 7 x 7, eight heads, relative positions: the operator alone."""

    def __init__(self, width: int) -> None:
        super().__init__()
        head = width // 8
        self.rows = nn.Parameter(torch.randn(1, 7, head // 2))
        self.columns = nn.Parameter(torch.randn(1, 7, head - head // 2))

    def forward(self, x: Tensor) -> Tensor:
        """``[B, 3 width, H, W]``, of queries, keys and values, to ``[B, 8, width / 8, H, W]``."""
        q, k, v = x.unflatten(1, (3, 8, -1)).unbind(1)
        return local_attention(q, k, v, self.rows, self.columns, extent=7, scale=0.3)


def main() -> None:
    """Measure, print a table, and write the same figures as JSON."""
    parser = parser_of(__doc__, quick="the operator and one small network, under 40 s")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), metavar="N")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    effort = Effort(seconds=1.5, rounds=20) if options.quick else Effort(seconds=20, rounds=50)
    figures: dict[str, Any] = {
        "machine": machine_with(torch.device("cpu")),
        "batch": BATCH,
        "local_attention_here": preferred_on("cpu"),
        "networks": [],
    }
    print(", ".join(f"{key} {value}" for key, value in figures["machine"].items()))
    print(f"batch {BATCH}; local attention of the package by {figures['local_attention_here']}")
    for name, (model, shape) in _cases(quick=options.quick).items():
        figures["networks"].append(measured(name, model, shape, effort, options.threads))
    rounds = figures["networks"][0]["repeats"]
    print_table(
        f"medians and interquartile ranges (n = {rounds} or more)", figures["networks"], COLUMNS
    )
    write_json(figures, options)


def _cases(*, quick: bool) -> dict[str, tuple[nn.Module, tuple[int, int, int]]]:
    """Return networks by name, each with the shape [C, H, W] of its images."""
    cases: dict[str, tuple[nn.Module, tuple[int, int, int]]] = {
        f"operator, {width} channels, {side} x {side}": (
            LocalAttention(width).eval(),
            (3 * width, side, side),
        )
        for width, side in ((64, 56), (128, 28), (256, 14))[: 1 if quick else None]
    }
    small = Task(dataset="made_up", input_shape=(3, 32, 32), classes=10)
    if quick:
        return cases | {"resnet20 at 32 x 32": _network("resnet20", small)}
    for name in ("resnet26", "sasa_resnet26", "aa_resnet34"):
        cases[name] = _network(name, IMAGENET)
    return cases


def _network(name: str, task: Task) -> tuple[nn.Module, tuple[int, int, int]]:
    return untrained(build(network(name), task, seed=0), noise(task).images), task.input_shape


def measured(
    name: str, model: nn.Module, shape: tuple[int, int, int], effort: Effort, threads: int
) -> dict[str, Any]:
    """Export a network, compare what the file computes, and time both.

    Raises:
        SystemExit: the file computes something else.
    """
    images = torch.randn(BATCH, *shape)
    content = onnx_bytes(model, images[:2])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: images.numpy()}

    def here() -> Tensor:
        with torch.no_grad():
            return Tensor(model(images))

    def written_out() -> Tensor:
        with exportable():
            return here()

    expected, (got,) = here(), session.run(None, feed)
    difference = float((torch.from_numpy(got) - expected).abs().max() / expected.abs().max())
    if not difference <= TOLERANCE:
        sys.exit(f"error: {name}: the file's output differs by {difference:.2g} of the largest")
    steps = {"file": lambda: session.run(None, feed), "here": here, "written_out": written_out}
    times = time_interleaved(steps, effort, torch.device("cpu"))
    graph = onnx.load_from_string(content).graph
    return {
        "network": name,
        "file_mib": len(content) / MIB,
        "nodes": len(graph.node),
        "nodes_by_type": dict(Counter(node.op_type for node in graph.node).most_common()),
        "onnx_runtime_ms": times["file"].median_ms,
        "onnx_runtime_spread_ms": times["file"].spread_ms,
        "package_ms": times["here"].median_ms,
        "package_spread_ms": times["here"].spread_ms,
        "written_out_ms": times["written_out"].median_ms,
        "onnx_runtime_ratio": times["file"].median_ms / times["here"].median_ms,
        "onnx_runtime_peak_mib": peak_mib(content, BATCH, shape, threads),
        "difference": difference,
        "repeats": times["file"].repeats,
    }


PEAK = """
import re, sys
import numpy as np, onnxruntime
path, threads, *shape = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(threads)
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
def peak():  # unlike getrusage's, the peak of this program alone, not of the one that started it
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])
before = peak()
images = np.zeros([int(side) for side in shape], np.float32)
session.run(None, {session.get_inputs()[0].name: images})
print(peak() - before)
"""


def peak_mib(content: bytes, batch: int, shape: tuple[int, int, int], threads: int) -> float:
    """Return by how much one run makes a process of ONNX Runtime alone larger."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.onnx"
        file.write_bytes(content)
        words = [sys.executable, "-c", PEAK, str(file), str(threads), *map(str, (batch, *shape))]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024


if __name__ == "__main__":
    main()
