"""Checkpoint files: written whole or not at all, read without unpickling code."""

from __future__ import annotations

import io
import os
import pickle
import secrets
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from trainers.checkpoint_contents import check_members, check_pickle
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
"""What a file of another kind, or a damaged one, raises while it is read."""


def checkpoint_bytes(payload: Mapping[str, Any]) -> bytes:
    """``payload`` (tensors and plain values) as the content of a checkpoint file."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "version": FORMAT_VERSION, "payload": dict(payload)}, buffer)
    return buffer.getvalue()


def save_checkpoint(path: Path, payload: Mapping[str, Any]) -> None:
    """Write ``payload`` (tensors and plain values) to ``path`` atomically.

    A reader sees the old file or the new one, also after a crash or on a full disk. The folder
    is made when missing.

    Raises:
        CheckpointError: the file cannot be written; what ``path`` held before is kept.
    """
    # through memory: torch's own file writer reports a full disk as an internal error
    content = checkpoint_bytes(payload)
    # beside the target: os.replace is atomic only within one file system
    temporary = path.with_name(f".{os.getpid()}-{secrets.token_hex(4)}.tmp")  # short
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(
            f"cannot write the checkpoint {path} ({len(content)} bytes): {error}; "
            "an earlier checkpoint there is kept"
        ) from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The payload that :func:`save_checkpoint` wrote, tensors on the CPU.

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
    """The payload of what :func:`checkpoint_bytes` made, tensors on the CPU.

    Args:
        content: of a checkpoint file.
        name: what messages call it.

    Raises:
        CheckpointError: it is truncated, damaged, of another kind or of another format version.
    """
    _check_archive(content, name)
    try:
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except UNPICKLING_ERRORS as error:
        raise CheckpointError(
            f"the checkpoint {name} holds something other than tensors and plain values, or is "
            f"damaged: {error}"
        ) from error
    kind = found.get("format") if isinstance(found, dict) else None
    if not isinstance(kind, str) or kind != FORMAT:  # a tensor would compare by element
        raise CheckpointError(f"the file {name} is no checkpoint of a training run")
    version = found.get("version")
    if type(version) is not int or version != FORMAT_VERSION:
        raise CheckpointError(
            f"the checkpoint {name} has format version {version!r}, this code "
            f"reads version {FORMAT_VERSION}"
        )
    payload = found.get("payload")
    if not isinstance(payload, dict):
        raise CheckpointError(f"the checkpoint {name} has no payload")
    return payload


def _check_archive(content: bytes, name: str) -> None:
    """Refuse what is no whole zip archive of what a checkpoint holds.

    Torch's reader compares no check sums and bounds nothing: see
    :mod:`trainers.checkpoint_contents`.
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
