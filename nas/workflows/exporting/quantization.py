"""Static quantisation of an ONNX file to 8-bit integers by ONNX Runtime, held to its accuracy.

Convolutions and linear layers are quantised. Attention's products, masks and softmax stay float:
its logits span a range that 256 values cannot resolve.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nas.errors import CommandError
from nas.evaluation.accuracy_metric import AccuracyMetric
from nas.storage.networks.exports.formats import library
from nas.storage.networks.exports.onnx_file import OnnxNetwork
from nas.storage.networks.exports.record import INPUT, AccuracyCheck
from nas.workflows.exporting.file_form import FileForm, as_outputs

MOST_LOST = 0.01
"""The accuracy that quantising may lose: one point."""

NAMED = 3
"""The number of layers that a message names."""


class LabelledImages(NamedTuple):
    """A batch as the network takes it."""

    images: Tensor  # [N, C, H, W], float32
    targets: Tensor  # classes [N], or objects [N, M, 6]


class QuantizationImages(NamedTuple):
    """The images by which a network is quantised and judged."""

    calibration: Sequence[Tensor]  # batches of training images, [N, C, H, W], float32
    validation: Callable[[], Iterable[LabelledImages]]  # batches, the same at each call
    metric: AccuracyMetric


class Layer(NamedTuple):
    """A convolution or a linear layer of a file."""

    nodes: tuple[str, ...]  # one for each time that it is computed
    weight: str  # the name of its weights, by which a user knows it


def quantize(path: Path, images: QuantizationImages, form: FileForm) -> tuple[bytes, AccuracyCheck]:
    """Quantise a float32 file, leaving in float the layers without which too much is lost.

    All layers are quantised first. Where that loses more than :data:`MOST_LOST`, layers are ranked
    by how much each alone changes the outputs, and the first 1, 3, 7 ... of them stay float until
    the loss is small enough.

    Args:
        path: the float32 file.
        images: to calibrate and to judge by.
        form: of the file.

    Returns:
        The quantised file, and the accuracy before and after.

    Raises:
        CommandError: too much is lost whatever stays float, or a library is not installed.
    """
    before, count = _accuracy(path.read_bytes(), images, form)
    with tempfile.TemporaryDirectory(prefix="convattn-") as folder, _silent_quantizer():
        quantizer = _Quantizer(path, Path(folder), images.calibration)
        layers, ranked, kept = quantizer.layers, list[Layer](), 0
        if not layers:
            raise CommandError(f"{path.name} has no convolution or linear layer to quantise")
        while True:
            content = quantizer.quantized([layer for layer in layers if layer not in ranked[:kept]])
            after, _ = _accuracy(content, images, form)
            if before - after <= MOST_LOST:
                break
            ranked = ranked or _ranked(quantizer, images.calibration[0], len(form.names))
            kept = 2 * kept + 1
            if kept >= len(layers):
                worst = ", ".join(layer.weight for layer in ranked[:NAMED])
                raise CommandError(
                    f"int8 loses too much: accuracy {after:.2%} instead of {before:.2%} on {count} "
                    f"validation images, and at most {MOST_LOST:.0%} may be lost; the layers that "
                    f"lose most are {worst}"
                )
    return content, AccuracyCheck(
        images=count,
        calibration_images=sum(len(batch) for batch in images.calibration),
        before=before,
        after=after,
        quantized_layers=len(layers) - kept,
        float_layers=tuple(layer.weight for layer in ranked[:kept]),
    )


def _accuracy(content: bytes, images: QuantizationImages, form: FileForm) -> tuple[float, int]:
    """Return a file's accuracy, and the number of images."""
    network = OnnxNetwork(content, "the quantised file")
    kept, targets = [], []
    for batch in images.validation():
        kept.append(form.kept(as_outputs(network(batch.images))))
        targets.append(batch.targets)
    return form.accuracy(torch.cat(kept), torch.cat(targets), images.metric), len(torch.cat(kept))


def _ranked(quantizer: _Quantizer, images: Tensor, outputs: int) -> list[Layer]:
    """Rank layers by how much each alone changes the first outputs; the largest change first."""
    expected = as_outputs(OnnxNetwork(quantizer.quantized([]), "the float file")(images))

    def change(layer: Layer) -> float:
        got = as_outputs(OnnxNetwork(quantizer.quantized([layer]), layer.weight)(images))
        pairs = zip(got[:outputs], expected[:outputs], strict=True)
        return sum(_relative_change(new, old) for new, old in pairs)

    return sorted(quantizer.layers, key=change, reverse=True)


def _relative_change(new: Tensor, old: Tensor) -> float:
    scale = old.square().mean().clamp_min(torch.finfo(torch.float32).tiny)
    return float((new - old).square().mean() / scale)


class _Quantizer:
    """ONNX Runtime's quantiser of one file; it measures the ranges of activations once.

    Attributes:
        layers: that can be quantised.
    """

    def __init__(self, path: Path, folder: Path, calibration: Sequence[Tensor]) -> None:
        self._tools = library("onnxruntime.quantization")
        shape_inference = library("onnxruntime.quantization.shape_inference")
        self._calibration = calibration
        self._ranges, self._output = folder / "ranges.json", folder / "int8.onnx"
        self._prepared = folder / "prepared.onnx"
        # batch normalisation is folded into convolutions
        shape_inference.quant_pre_process(path, self._prepared, skip_symbolic_shape=True)
        self.layers = _layers(library("onnx").load(self._prepared).graph)

    def quantized(self, layers: Sequence[Layer]) -> bytes:
        """Return the file with these layers quantised."""
        if not layers:
            return self._prepared.read_bytes()
        types = self._tools.QuantType
        self._tools.quantize_static(
            self._prepared,
            self._output,
            _Reader(self._calibration),
            op_types_to_quantize=["Conv", "Gemm", "MatMul"],
            nodes_to_quantize=[node for layer in layers for node in layer.nodes],
            per_channel=True,
            # 7 bits of weights: sums of two products saturate on processors without VNNI, and the
            # file would compute something else there
            reduce_range=True,
            activation_type=types.QUInt8,
            weight_type=types.QInt8,
            calibration_cache_path=self._ranges,
        )
        return self._output.read_bytes()


class _Reader:
    """Batches for ONNX Runtime's calibration, which asks for one after another."""

    def __init__(self, batches: Iterable[Tensor]) -> None:
        self._batches: Iterator[Tensor] = iter(batches)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        while (feed := self.get_next()) is not None:
            yield feed

    def get_next(self) -> Mapping[str, Any] | None:
        """Return the next batch by the input's name; None after the last."""
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch.numpy()}


def _layers(graph: Any) -> list[Layer]:
    """Return the convolutions and linear layers: products with a matrix of the file, not others."""
    weights = {tensor.name: len(tensor.dims) for tensor in graph.initializer}
    nodes: dict[str, list[str]] = {}
    for node in graph.node:
        rank = weights.get(node.input[1]) if len(node.input) > 1 else None
        is_linear = node.op_type == "Gemm" or (node.op_type == "MatMul" and rank == 2)
        if rank is not None and (node.op_type == "Conv" or is_linear):
            nodes.setdefault(node.input[1], []).append(node.name)
    return [Layer(tuple(names), weight) for weight, names in nodes.items()]


@contextmanager
def _silent_quantizer() -> Iterator[None]:
    """Silence the quantiser's advice, which the root logger gets."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
