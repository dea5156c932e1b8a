"""Write a checkpoint file, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas.atomic_write import replace_file
from trainers import CheckpointError, checkpoint_bytes


def save_checkpoint(path: Path, payload: Mapping[str, Any]) -> None:
    """Write ``payload`` (tensors and plain values) for :func:`trainers.load_checkpoint`.

    A reader sees the old file or the new one, also after a crash or on a full disk. The folder
    is made when missing.

    Raises:
        CheckpointError: the file cannot be written; ``path`` keeps what it had.
    """
    # through memory: torch's own file writer reports a full disk as an internal error
    content = checkpoint_bytes(payload)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    except OSError as error:
        raise CheckpointError(
            f"cannot write the checkpoint {path} ({len(content)} bytes): {error}; "
            "an earlier checkpoint there is kept"
        ) from error
