"""Checkpoints: tensors and plain values as bytes, read without unpickling code."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from trainers.checkpoints.contents import check_members, check_pickle
from trainers.errors import CheckpointError

FORMAT = "trainers.checkpoint"
FORMAT_VERSION = 1

UNPICKLING_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
)
"""The exceptions that a file of another kind, or a damaged one, raises while it is read."""


def checkpoint_bytes(payload: Mapping[str, Any]) -> bytes:
    """Return the content of a checkpoint file that holds ``payload``, tensors and plain values."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "version": FORMAT_VERSION, "payload": dict(payload)}, buffer)
    return buffer.getvalue()


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read the payload of a checkpoint file, tensors on the CPU.

    Raises:
        CheckpointError: the file is missing, unreadable, truncated, damaged, of another kind or
            of another format version.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"cannot read the checkpoint {path}: {error}") from error
    return read_checkpoint(content, str(path))


def read_checkpoint(content: bytes, name: str) -> dict[str, Any]:
    """Read the payload from what :func:`checkpoint_bytes` returned, tensors on the CPU.

    Args:
        content: a checkpoint file's.
        name: the checkpoint's in messages.

    Raises:
        CheckpointError: it is truncated, damaged, of another kind or of another format version.
    """
    _check_archive(content, name)
    try:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except UNPICKLING_ERRORS as error:
        raise CheckpointError(
            f"the checkpoint {name} holds something other than tensors and plain values, or is "
            f"damaged: {error}"
        ) from error
    kind = loaded.get("format") if isinstance(loaded, dict) else None
    if not isinstance(kind, str) or kind != FORMAT:  # a tensor would compare by element
        raise CheckpointError(f"the file {name} is no checkpoint of a training run")
    version = loaded.get("version")
    if type(version) is not int or version != FORMAT_VERSION:
        raise CheckpointError(
            f"the checkpoint {name} has format version {version!r}, this code "
            f"reads version {FORMAT_VERSION}"
        )
    payload = loaded.get("payload")
    if not isinstance(payload, dict):
        raise CheckpointError(f"the checkpoint {name} has no payload")
    return payload


def _check_archive(content: bytes, name: str) -> None:
    """Refuse what is no whole zip archive of tensors and plain values.

    Torch's reader compares no check sums and bounds nothing: see
    :mod:`trainers.checkpoints.contents`.
    """
    if not content:
        raise CheckpointError(f"the checkpoint {name} is empty")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            check_members(archive, len(content))
            damaged = archive.testzip()
            if damaged is None:
                check_pickle(archive)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise CheckpointError(
            f"the checkpoint {name} is truncated, damaged or another kind of file: {error}"
        ) from error
    except UNPICKLING_ERRORS as error:
        raise CheckpointError(
            f"the checkpoint {name} holds something other than tensors and plain values, or is "
            f"damaged: {error}"
        ) from error
    if damaged is not None:
        raise CheckpointError(f"the checkpoint {name} is damaged: wrong check sum of {damaged}")
