"""A saved network from any file: ``model.pt``, ONNX, torch.export or safetensors."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError
from torch import Tensor, nn

from nas.errors import TrustError
from nas.storage.networks.exports.formats import format_by_ending
from nas.storage.networks.exports.onnx_file import OnnxNetwork
from nas.storage.networks.exports.program_file import read_program
from nas.storage.networks.exports.record import ExportRecord
from nas.storage.networks.exports.safetensors_file import read_safetensors
from nas.storage.networks.saved_network import SavedNetwork, load_network
from search_space.networks import build
from search_space.primitives.registry import IMPORTS, import_failure, not_imported
from search_space.validation_problems import explain
from trainers import MAY_BE_EARLIER, CheckpointError


def load_any_network(
    path: str | Path, *, require_complete: bool = False, imports: bool = False
) -> SavedNetwork:
    """Read a network's file, in the format that its name ends in.

    Args:
        path: ``model.pt``, or what ``nas export`` wrote.
        require_complete: refuse a network without preprocessing and class names.
        imports: see :func:`nas.storage.networks.saved_network.load_network`.

    Raises:
        CheckpointError: the file is missing, damaged, or not complete.
        CommandError: a library that the format needs is not installed.
        TrustError: a type's module is not imported, and ``imports`` is False.
    """
    path = Path(path)
    file_format = format_by_ending(path)
    if file_format is None:
        return load_network(path, require_complete=require_complete, imports=imports)
    if not path.is_file():
        raise CheckpointError(f"no file {path}")
    model: nn.Module | None = None
    weights: dict[str, Tensor] = {}
    if file_format == "onnx":
        model = OnnxNetwork(path)
        text = model.record_json
    elif file_format == "torch_export":
        model, text = read_program(path)
    else:
        weights, text = read_safetensors(path)
    if text is None:
        raise CheckpointError(f"{path} has no record: `nas export` did not write it")
    record = read_record(text, path, imports=imports)
    if require_complete and record.network is None:
        raise CheckpointError(
            f"{path} holds a network that was not trained: it has no class names and no "
            "preprocessing, so that it cannot classify pictures"
        )
    if model is None:
        model = _with_weights(record, weights, path)
    return SavedNetwork(path, model, record.architecture, record.task, record.network)


def read_record(text: str, path: Path, *, imports: bool = False) -> ExportRecord:
    """Read the record of an exported file.

    Raises:
        CheckpointError: it is not valid, or a type's module cannot be imported.
        TrustError: a type's module is not imported, and ``imports`` is False.
    """
    context = {**MAY_BE_EARLIER, IMPORTS: imports}
    try:
        return ExportRecord.model_validate_json(text, context=context)
    except ValidationError as error:
        if untrusted := not_imported(error):
            raise TrustError(f"{path}: its record's {untrusted}") from error
        if failure := import_failure(error):
            raise CheckpointError(f"{path}: its record's {failure}") from error
        problems = "; ".join(explain(error, ExportRecord, "record"))
        raise CheckpointError(f"{path}: its record is not valid: {problems}") from error


def _with_weights(record: ExportRecord, weights: dict[str, Tensor], path: Path) -> nn.Module:
    model = build(record.architecture, record.task, seed=0).eval()
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(
            f"{path}: its weights do not fit its architecture: {error}"
        ) from error
    return model
