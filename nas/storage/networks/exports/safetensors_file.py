"""safetensors: the weights by name, which no code can hide in, with the record beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from nas.storage.networks.exports.formats import library
from nas.storage.networks.exports.record import RECORD_KEY
from trainers import CheckpointError


def safetensors_bytes(model: nn.Module, metadata: Mapping[str, str]) -> bytes:
    """Return a file of a network's weights.

    Raises:
        CommandError: the library is not installed.
    """
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    content: bytes = library("safetensors.torch").save(weights, metadata=dict(metadata))
    return content


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], str | None]:
    """Return the weights of a file, and its record's JSON if it has one.

    Raises:
        CheckpointError: it is no such file.
        CommandError: the library is not installed.
    """
    safetensors = library("safetensors")
    try:
        with safetensors.safe_open(path, framework="pt") as opened:
            metadata = opened.metadata() or {}
            weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is no safetensors file: {error}") from error
    return weights, metadata.get(RECORD_KEY)
