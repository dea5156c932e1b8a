"""torch.export: a program that ``torch.export.load`` reads without this package."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from zipfile import is_zipfile

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from nas.storage.networks.exports.record import RECORD_KEY
from search_space.attention import exportable
from trainers import CheckpointError

RECORD_FILE = f"{RECORD_KEY}.json"
"""The record's name among the file's extra files."""


def traced(model: nn.Module, example: Tensor) -> ExportedProgram:
    """Trace a network in standard operators, for batches of any size.

    Args:
        model: in evaluation mode, on the CPU.
        example: a batch of two images or more, ``[N, C, H, W]``.

    Raises:
        RuntimeError: the network cannot be traced.
    """
    shapes = ({0: torch.export.Dim.DYNAMIC},)
    with exportable(), torch.no_grad():
        program = torch.export.export(model, (example,), dynamic_shapes=shapes)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it names files of the machine that it runs on
    return program


def program_bytes(program: ExportedProgram, metadata: Mapping[str, str]) -> bytes:
    """Return a file for ``torch.export.load``, with each metadata as a file ``NAME.json``."""
    content = BytesIO()
    extra = {f"{name}.json": text for name, text in metadata.items()}
    torch.export.save(program, content, extra_files=extra)
    return content.getvalue()


def read_program(content: bytes, place: str) -> tuple[nn.Module, str | None]:
    """Return the network of a file, and its record's JSON if it has one.

    Args:
        content: of the file.
        place: its path or URL, for messages.

    Raises:
        CheckpointError: it is no such file.
    """
    if not is_zipfile(BytesIO(content)):  # PyTorch would print a traceback of its own
        raise CheckpointError(f"{place} is no program of torch.export: it is no whole zip file")
    extra = {RECORD_FILE: ""}
    try:
        program = torch.export.load(BytesIO(content), extra_files=extra)
        module = program.module()
    except Exception as error:  # whatever its unpacking of a damaged file meets
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{place} is no program of torch.export: {reason}") from error
    return module, extra[RECORD_FILE] or None
