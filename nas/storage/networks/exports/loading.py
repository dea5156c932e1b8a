"""A saved network from an exported file: ONNX, torch.export or safetensors."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError
from torch import Tensor, nn

from nas.evaluation.learned_task import learned_task
from nas.storage.networks.exports.formats import ExportFormat
from nas.storage.networks.exports.onnx_file import OnnxNetwork
from nas.storage.networks.exports.program_file import read_program
from nas.storage.networks.exports.record import BOXES, LOGITS, SCORES, ExportRecord
from nas.storage.networks.exports.safetensors_file import read_safetensors
from nas.storage.networks.saved_network import SavedNetwork, built_with, problems_of
from search_space.primitives.registry import IMPORTS
from trainers import MAY_BE_EARLIER, CheckpointError
from trainers.tasks.task import TaskName

FIRST_OUTPUTS: dict[TaskName, tuple[str, ...]] = {
    "classification": (LOGITS,),
    "detection": (BOXES, SCORES),
}
"""The outputs that every file of operators has, by the task that its network learned."""


def network_of_export(
    content: bytes,
    place: Path | str,
    file_format: ExportFormat,
    *,
    require_complete: bool = False,
    imports: bool = False,
) -> SavedNetwork:
    """Return the network of an exported file.

    Args:
        content: of the file.
        place: its path, or its URL.
        file_format: of the file.
        require_complete: refuse a network without preprocessing and class names.
        imports: see :func:`nas.storage.networks.network_file.load_network`.

    Raises:
        CheckpointError: the file is damaged, or not complete.
        CommandError: a library that the format needs is not installed.
        TrustError: a type's module is not imported, and ``imports`` is False.
    """
    model: nn.Module | None = None
    weights: dict[str, Tensor] = {}
    if file_format == "onnx":
        model = network = OnnxNetwork(content, str(place))
        text = network.record_json
    elif file_format == "torch_export":
        model, text = read_program(content, str(place))
    else:
        weights, text = read_safetensors(content, str(place))
    if text is None:
        raise CheckpointError(f"{place} has no record: `nas export` did not write it")
    record = read_record(text, place, imports=imports)
    if require_complete and record.network is None:
        raise CheckpointError(
            f"{place} holds a network that was not trained: it has no class names and no "
            "preprocessing, so that it cannot take pictures"
        )
    if isinstance(model, OnnxNetwork):
        first = FIRST_OUTPUTS[learned_task(record.architecture)]
        if model.outputs[: len(first)] != first:
            raise CheckpointError(
                f"{place} does not hold the network of its record: its first outputs must be "
                f"{', '.join(first)}, got {', '.join(model.outputs)}"
            )
    if model is None:
        model = built_with(weights, record.architecture, record.task, place)
    return SavedNetwork(place, model, record.architecture, record.task, record.network)


def read_record(text: str, path: Path | str, *, imports: bool = False) -> ExportRecord:
    """Read the record of an exported file.

    Raises:
        CheckpointError: it is not valid, or a type's module cannot be imported.
        TrustError: a type's module is not imported, and ``imports`` is False.
    """
    context = {**MAY_BE_EARLIER, IMPORTS: imports}
    try:
        record = ExportRecord.model_validate_json(text, context=context)
        if record.network is not None:
            record.network.check_fits(record.task)
    except ValidationError as error:
        problems = problems_of(error, ExportRecord, "record", path)
        raise CheckpointError(f"{path}: its record is not valid: {problems}") from error
    except ValueError as error:
        raise CheckpointError(f"{path}: its record is not valid: {error}") from error
    return record
