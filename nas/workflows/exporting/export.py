"""The export of one network into a file of a format, checked."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nas.atomic_write import replace_file
from nas.errors import CommandError
from nas.storage.networks.exports.formats import ExportFormat
from nas.storage.networks.exports.onnx_file import onnx_bytes
from nas.storage.networks.exports.program_file import program_bytes
from nas.storage.networks.exports.record import RECORD_KEY, ExportRecord, Precision
from nas.storage.networks.exports.safetensors_file import safetensors_bytes
from nas.storage.networks.record import NetworkCosts, NetworkRecord
from nas.workflows.exporting.check import check_logits
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs

TEMPORARY = ".unchecked"


class CheckImages(NamedTuple):
    """Images on which an export is compared with its network."""

    images: Tensor  # [N, C, H, W], float32, N >= 2
    source: str


@dataclass(frozen=True)
class ExportableNetwork:
    """A network to export.

    Attributes:
        model: in evaluation mode, on the CPU.
        network: None for one that is not trained.
    """

    model: nn.Module
    architecture: Architecture
    task: Task
    network: NetworkRecord | None
    check: CheckImages


class HalfPrecision(nn.Module):
    """A network that computes in float16, between inputs and outputs of float32."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W] -> [N, classes]``."""
        logits: Tensor = self.model(x.half())
        return logits.float()


def export(
    network: ExportableNetwork,
    path: Path,
    file_format: ExportFormat,
    precision: Precision,
    licence: str | None,
) -> ExportRecord:
    """Write a network's file and its record beside it, once the file has been run and compared.

    Raises:
        CommandError: the format cannot hold the network, or the file computes something else.
        OSError: a file cannot be written.
    """
    costs = network_costs(network.architecture, network.task)
    record = ExportRecord(
        architecture=network.architecture,
        task=network.task,
        costs=NetworkCosts(params=costs.params, macs=costs.macs, activations=costs.activations),
        network=network.network,
        precision=precision,
        licence=licence,
    )
    unchecked = path.with_name(f".{path.stem}{TEMPORARY}{path.suffix}")
    try:
        replace_file(unchecked, _content(network, file_format, record))
        checked = check_logits(
            unchecked, file_format, network.model, *network.check, precision=precision
        )
        record = record.replace(checked=checked)
        replace_file(path, _content(network, file_format, record))
    finally:
        unchecked.unlink(missing_ok=True)
    write_record(path, record)
    return record


def write_record(path: Path, record: ExportRecord) -> None:
    """Write the record beside a file, as ``NAME.json``."""
    text = json.dumps(record.model_dump(mode="json"), indent=2, allow_nan=False)
    replace_file(path.with_name(f"{path.name}.json"), f"{text}\n".encode())


def _content(network: ExportableNetwork, file_format: ExportFormat, record: ExportRecord) -> bytes:
    metadata = {RECORD_KEY: record.canonical_json()}
    model = network.model
    half = record.precision == "float16"
    try:
        if file_format == "safetensors":
            return safetensors_bytes(_copy(model, half=half), metadata)
        whole = HalfPrecision(_copy(model, half=True)) if half else model
        example = network.check.images[:2].clone()  # a view would bring all images into the file
        if file_format == "onnx":
            return onnx_bytes(whole.eval(), example, metadata)
        return program_bytes(whole.eval(), example, metadata)
    except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
        if isinstance(error, CommandError):
            raise
        reason = str(error).strip().splitlines()[0]
        raise CommandError(f"{file_format} cannot hold this network: {reason}") from error


def _copy(model: nn.Module, *, half: bool) -> nn.Module:
    return deepcopy(model).half() if half else model
