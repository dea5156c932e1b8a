"""safetensors: the weights by name, which no code can hide in, with the record beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from torch import Tensor, nn

from nas.storage.networks.exports.formats import library
from nas.storage.networks.exports.record import RECORD_KEY
from trainers import CheckpointError

LENGTH_BYTES = 8
"""A file begins with its header's length, little-endian; the library reads no metadata of bytes."""


def safetensors_bytes(model: nn.Module, metadata: Mapping[str, str]) -> bytes:
    """Return a file of a network's weights.

    Raises:
        CommandError: the library is not installed.
    """
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    content: bytes = library("safetensors.torch").save(weights, metadata=dict(metadata))
    return content


def read_safetensors(content: bytes, place: str) -> tuple[dict[str, Tensor], str | None]:
    """Return the weights of a file, and its record's JSON if it has one.

    Args:
        content: of the file.
        place: its path or URL, for messages.

    Raises:
        CheckpointError: it is no such file.
        CommandError: the library is not installed.
    """
    error_of_library = library("safetensors").SafetensorError
    try:
        weights: dict[str, Tensor] = library("safetensors.torch").load(content)
    except error_of_library as error:
        raise CheckpointError(f"{place} is no safetensors file: {error}") from error
    header_bytes = int.from_bytes(content[:LENGTH_BYTES], "little")
    header = json.loads(content[LENGTH_BYTES : LENGTH_BYTES + header_bytes])
    return weights, header.get("__metadata__", {}).get(RECORD_KEY)
