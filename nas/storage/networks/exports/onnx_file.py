"""ONNX: writing a network in standard operators, and running such a file by ONNX Runtime."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nas.storage.networks.exports.formats import library
from nas.storage.networks.exports.record import INPUT, OUTPUT, RECORD_KEY
from search_space.attention import exportable
from trainers import CheckpointError

OPSET = 20
"""Version of ONNX's operators, of November 2023."""


def onnx_bytes(model: nn.Module, example: Tensor, metadata: Mapping[str, str]) -> bytes:
    """Return an ONNX file of a network, for batches of any size.

    Args:
        model: in evaluation mode, on the CPU.
        example: a batch of two images or more, ``[N, C, H, W]``.
        metadata: written into the file.

    Raises:
        CommandError: a library is not installed.
        RuntimeError: an operator of the network has no form in ONNX.
    """
    for name in ("onnx", "onnxscript"):
        library(name)
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)  # it warns that torchvision is not there
    try:
        with exportable(), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                model,
                (example,),
                dynamo=True,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
                verbose=False,
            )
    finally:
        exporter.setLevel(level)
    assert program is not None  # it is None where a file was given
    program.model.metadata_props.update(metadata)
    content: bytes = program.model_proto.SerializeToString()
    return content


class OnnxNetwork(nn.Module):
    """A network that ONNX Runtime computes, on the CPU."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        runtime = library("onnxruntime")
        try:
            self._session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library's errors share no base of its own
            raise CheckpointError(f"{path} is no ONNX file that can be run: {error}") from error
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map

    @property
    def record_json(self) -> str | None:
        """The record's JSON; None for a file that this package did not write."""
        return self.metadata.get(RECORD_KEY)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W] -> [N, classes]``, both float32."""
        feed: dict[str, Any] = {self._session.get_inputs()[0].name: x.numpy()}
        (logits,) = self._session.run(None, feed)
        return torch.from_numpy(logits)
