"""The export of one network into a file of a format, checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nas.atomic_write import replace_file
from nas.errors import CommandError
from nas.storage.networks.exports.formats import ExportFormat
from nas.storage.networks.exports.onnx_file import onnx_bytes, with_metadata
from nas.storage.networks.exports.program_file import program_bytes, traced
from nas.storage.networks.exports.record import RECORD_KEY, ExportRecord, Precision
from nas.storage.networks.exports.safetensors_file import safetensors_bytes
from nas.storage.networks.record import NetworkCosts, NetworkRecord
from nas.workflows.exporting.check import check_outputs
from nas.workflows.exporting.file_form import FileForm, Outputs, as_outputs
from nas.workflows.exporting.file_forms import form_of
from nas.workflows.exporting.quantization import QuantizationImages, quantize
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs

TEMPORARY = ".unchecked"


class CheckImages(NamedTuple):
    """Images on which an export is compared with its network."""

    images: Tensor  # [N, C, H, W], float32, N >= 2
    source: str


Content = Callable[[Mapping[str, str]], bytes]
"""A file's content, by its metadata."""


@dataclass(frozen=True)
class ExportableNetwork:
    """A network to export.

    Attributes:
        model: in evaluation mode, on the CPU.
        network: None for one that is not trained.
        check: images that the file is compared on.
        quantization: None where the data are not there.
    """

    model: nn.Module
    architecture: Architecture
    task: Task
    network: NetworkRecord | None
    check: CheckImages
    quantization: QuantizationImages | None = None


class HalfPrecision(nn.Module):
    """A network that computes in float16, between inputs and outputs of float32."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor | Outputs:
        """Return the network's output of images ``[N, C, H, W]``."""
        outputs = tuple(each.float() for each in as_outputs(self.model(x.half())))
        return outputs[0] if len(outputs) == 1 else outputs


def export(
    network: ExportableNetwork,
    path: Path,
    file_format: ExportFormat,
    precision: Precision,
    licence: str | None,
) -> ExportRecord:
    """Write a network's file and its record beside it, once the file has been run and compared.

    Raises:
        CommandError: the format cannot hold the network or the precision; the file computes
            something else, or loses accuracy; or a file cannot be written.
    """
    if precision == "int8" and file_format != "onnx":
        raise CommandError(f"precision int8 needs the format onnx, got {file_format}")
    if precision == "int8" and network.quantization is None:
        raise CommandError(
            "precision int8 needs the training images that a network was trained on: export a run, "
            "or a model.pt in its run's folder"
        )
    form = form_of(network.architecture, network.task, network.network)
    record = _record(network, form, file_format, precision, licence)
    content = _content(network, form, file_format, precision)
    unchecked = path.with_name(f".{path.stem}{TEMPORARY}{path.suffix}")
    try:
        replace_file(unchecked, content({RECORD_KEY: record.canonical_json()}))
        checked = check_outputs(
            unchecked, file_format, form, network.model, *network.check, precision=precision
        )
        record = record.replace(checked=checked)
        if network.quantization is not None and precision == "int8":
            quantized, accuracy = quantize(unchecked, network.quantization, form)
            record = record.replace(quantized=accuracy)
            content = partial(with_metadata, quantized)
        replace_file(path, content({RECORD_KEY: record.canonical_json()}))
        write_record(path, record)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error
    finally:
        unchecked.unlink(missing_ok=True)
    return record


def _record(
    network: ExportableNetwork,
    form: FileForm,
    file_format: ExportFormat,
    precision: Precision,
    licence: str | None,
) -> ExportRecord:
    costs = network_costs(network.architecture, network.task)
    return ExportRecord(
        architecture=network.architecture,
        task=network.task,
        costs=NetworkCosts(params=costs.params, macs=costs.macs, activations=costs.activations),
        network=network.network,
        precision=precision,
        licence=licence,
        outputs=form.outputs(file_format),
        suppression=form.suppression(file_format),
    )


def write_record(path: Path, record: ExportRecord) -> None:
    """Write the record beside a file, as ``NAME.json``."""
    text = json.dumps(record.model_dump(mode="json"), indent=2, allow_nan=False)
    replace_file(path.with_name(f"{path.name}.json"), f"{text}\n".encode())


def _content(
    network: ExportableNetwork, form: FileForm, file_format: ExportFormat, precision: Precision
) -> Content:
    """Trace the network once, and return its file's content as a function of the metadata.

    For int8 it is the float32 network's.
    """
    is_half = precision == "float16"
    model = deepcopy(network.model).half() if is_half else network.model
    if file_format == "safetensors":
        return partial(safetensors_bytes, model)
    whole = form.module(HalfPrecision(model) if is_half else model).eval()
    example = network.check.images[:2]
    try:
        if file_format == "onnx":
            return partial(with_metadata, form.completed(onnx_bytes(whole, example, form.names)))
        return partial(program_bytes, traced(whole, example))
    except CommandError:  # a library is missing; it is a RuntimeError too
        raise
    except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
        reason = str(error).strip().splitlines()[0]
        raise CommandError(f"{file_format} cannot hold this network: {reason}") from error
