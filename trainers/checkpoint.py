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

from trainers.errors import CheckpointError

FORMAT = "trainers.checkpoint"
FORMAT_VERSION = 1


def save_checkpoint(path: Path, payload: Mapping[str, Any]) -> None:
    """Write ``payload`` (tensors and plain values) to ``path`` atomically.

    A reader sees the old file or the new one, also after a crash or on a full disk. The folder
    is made when missing.

    Raises:
        CheckpointError: the file cannot be written; what ``path`` held before is kept.
    """
    # through memory: torch's own file writer reports a full disk as an internal error
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "version": FORMAT_VERSION, "payload": dict(payload)}, buffer)
    # beside the target: os.replace is atomic only within one file system
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "wb") as file:
                file.write(buffer.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(
            f"cannot write the checkpoint {path} ({buffer.getbuffer().nbytes} bytes): {error}; "
            "an earlier checkpoint there is kept"
        ) from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The payload that :func:`save_checkpoint` wrote, tensors on the CPU.

    Raises:
        CheckpointError: the file is missing, unreadable, truncated, damaged, of another kind or
            of another format version.
    """
    try:
        _check_archive(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"cannot read the checkpoint {path}: {error}") from error
    except (RuntimeError, ValueError, KeyError, EOFError, pickle.UnpicklingError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(
            f"the checkpoint {path} holds something other than tensors and plain values, or is "
            f"damaged: {error}"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"the file {path} is no checkpoint of a training run")
    if content.get("version") != FORMAT_VERSION:
        raise CheckpointError(
            f"the checkpoint {path} has format version {content.get('version')!r}, this code "
            f"reads version {FORMAT_VERSION}"
        )
    payload = content.get("payload")
    if not isinstance(payload, dict):
        raise CheckpointError(f"the checkpoint {path} has no payload")
    return payload


def _check_archive(path: Path) -> None:
    """Refuse what is no whole zip archive: torch's reader does not compare check sums."""
    if path.stat().st_size == 0:
        raise CheckpointError(f"the checkpoint {path} is empty")
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except zipfile.BadZipFile as error:
        raise CheckpointError(
            f"the checkpoint {path} is truncated, damaged or another kind of file: {error}"
        ) from error
    if damaged is not None:
        raise CheckpointError(f"the checkpoint {path} is damaged: wrong check sum of {damaged}")
