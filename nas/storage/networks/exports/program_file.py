"""torch.export: a program that ``torch.export.load`` reads without this package."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import torch
from torch import Tensor, nn

from nas.storage.networks.exports.record import RECORD_KEY
from search_space.attention import exportable
from trainers import CheckpointError

RECORD_FILE = f"{RECORD_KEY}.json"
"""The record's name among the file's extra files."""


def program_bytes(model: nn.Module, example: Tensor, metadata: Mapping[str, str]) -> bytes:
    """Return a file for ``torch.export.load``, for batches of any size.

    Args:
        model: in evaluation mode, on the CPU.
        example: a batch of two images or more, ``[N, C, H, W]``.
        metadata: kept beside the program, each a file ``NAME.json``.

    Raises:
        RuntimeError: the network cannot be traced.
    """
    shapes = ({0: torch.export.Dim.DYNAMIC},)
    with exportable(), torch.no_grad():
        program = torch.export.export(model, (example,), dynamic_shapes=shapes)
    content = BytesIO()
    extra = {f"{name}.json": text for name, text in metadata.items()}
    torch.export.save(program, content, extra_files=extra)
    return content.getvalue()


def read_program(path: Path) -> tuple[nn.Module, str | None]:
    """Return the network of a file, and its record's JSON if it has one.

    Raises:
        CheckpointError: it is no such file.
    """
    extra = {RECORD_FILE: ""}
    try:
        program = torch.export.load(path, extra_files=extra)
        module = program.module()
    except Exception as error:  # whatever its unpacking of a damaged file meets
        raise CheckpointError(f"{path} is no program of torch.export: {error}") from error
    return module, extra[RECORD_FILE] or None
