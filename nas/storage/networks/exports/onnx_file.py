"""ONNX: writing a network in standard operators, and running such a file by ONNX Runtime."""

from __future__ import annotations

import logging
import warnings
from ast import literal_eval
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from nas.storage.networks.exports.formats import library
from nas.storage.networks.exports.record import INPUT, LOGITS, RECORD_KEY
from search_space.attention import exportable
from trainers import CheckpointError

OPSET = 20
"""Version of ONNX's operators, of November 2023."""

SCOPES = "pkg.torch.onnx.name_scopes"
"""The exporter's note at a node: the names of the modules around it, from the outermost."""


WRAPPED = "model."
"""The beginning of the names of a network's parts inside a module that wraps it, once for each."""


def onnx_bytes(model: nn.Module, example: Tensor, outputs: Sequence[str] = (LOGITS,)) -> bytes:
    """Return an ONNX file of a network, for batches of any size, without metadata.

    Args:
        model: in evaluation mode, on the CPU.
        example: a batch of two images or more, ``[N, C, H, W]``.
        outputs: names of what the network returns.

    Raises:
        CommandError: a library is not installed.
        RuntimeError: an operator of the network has no form in ONNX.
    """
    for name in ("onnx", "onnxscript"):
        library(name)
    with exportable(), torch.no_grad(), _silent_exporter():
        program = torch.onnx.export(
            model,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=list(outputs),
            dynamic_shapes=({0: "batch"},),  # any size, and its name in the file
            verbose=False,
        )
    assert program is not None  # it is None where a file was given
    _name_by_modules(program.model.graph)
    content: bytes = program.model_proto.SerializeToString()
    return content


def _name_by_modules(graph: Any) -> None:
    """Name nodes and what they compute as the network's modules: ``stages.0.1.branch.3/MatMul``.

    The exporter numbers them, and notes at each node the machine that it runs on and PyTorch's
    classes; these notes are removed.
    """
    for weights in list(graph.initializers.values()):
        weights.name = _own_name(weights.name)
    seen: Counter[str] = Counter()
    paths: dict[Any, str] = {}  # of the module that computes a value
    kept = {id(value) for value in (*graph.inputs, *graph.outputs)}
    for noted in (graph, *graph.inputs, *graph.initializers.values()):
        noted.metadata_props.clear()
    for node in graph:
        scopes = literal_eval(node.metadata_props.get(SCOPES, "[]"))
        path = _own_name(scopes[-2]) if len(scopes) > 1 else paths.get(node.inputs[0], "")
        name = f"{path}/{node.op_type}"
        seen[name] += 1
        node.name = name if seen[name] == 1 else f"{name}_{seen[name]}"
        node.metadata_props.clear()
        for index, value in enumerate(node.outputs):
            value.metadata_props.clear()
            paths[value] = path
            if id(value) not in kept:
                value.name = node.name if len(node.outputs) == 1 else f"{node.name}.{index}"
        for index, value in enumerate(node.inputs):
            is_numbered = value is not None and value.is_initializer() and "." not in value.name
            if is_numbered and id(value) not in kept:
                value.name = f"{node.name}.constant{index}"
                kept.add(id(value))


def _own_name(name: str) -> str:
    """Return the name of a part in the network itself, whatever wraps it."""
    while f"{name}.".startswith(WRAPPED):
        name = name[len(WRAPPED) :]
    return name


def with_metadata(content: bytes, metadata: Mapping[str, str]) -> bytes:
    """Return an ONNX file with this metadata instead of its own."""
    onnx = library("onnx")
    model = onnx.load_from_string(content)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, dict(metadata))
    changed: bytes = model.SerializeToString()
    return changed


@contextmanager
def _silent_exporter() -> Iterator[None]:
    """Silence PyTorch's exporter, which warns of its own parts and that torchvision is missing."""
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"torch\.|copyreg|onnxscript")
            yield
    finally:
        exporter.setLevel(level)


class OnnxNetwork(nn.Module):
    """A network that ONNX Runtime computes, on the CPU.

    Args:
        content: of the file.
        place: its path or URL, for messages.

    Attributes:
        outputs: their names.
        metadata: of the file.

    Raises:
        CheckpointError: it is damaged, or ONNX Runtime cannot run it.
        CommandError: ONNX Runtime is not installed.
    """

    def __init__(self, content: bytes, place: str) -> None:
        super().__init__()
        runtime = library("onnxruntime")
        try:
            self._session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library's errors share no base of its own
            reason = str(error).strip().splitlines()[0]
            raise CheckpointError(f"{place} is no ONNX file that can be run: {reason}") from error
        self._place = place
        self.outputs = tuple(output.name for output in self._session.get_outputs())
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map

    @property
    def record_json(self) -> str | None:
        """The record's JSON; None for a file that this package did not write."""
        return self.metadata.get(RECORD_KEY)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Compute the file's output of images ``[N, C, H, W]``, a tuple if it has several.

        All are float32; of a classifier it is ``[N, classes]``.

        Raises:
            ValueError: the images have another shape.
        """
        taken = self._session.get_inputs()[0]
        if x.ndim != 4 or list(x.shape[1:]) != taken.shape[1:]:
            raise ValueError(
                f"{self._place} takes images {taken.shape[1:]} [C, H, W], got {list(x.shape[1:])}"
            )
        feed: dict[str, Any] = {taken.name: x.cpu().numpy()}
        outputs = tuple(map(torch.from_numpy, self._session.run(None, feed)))
        return outputs[0] if len(outputs) == 1 else outputs
