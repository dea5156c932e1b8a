"""The files of networks: one is saved complete, and can be loaded anywhere."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from torch import Tensor

from nas.storage.networks.checkpoints import save_checkpoint
from nas.storage.networks.exports.formats import format_by_ending
from nas.storage.networks.exports.loading import network_of_export
from nas.storage.networks.object_folder import read_object
from nas.storage.networks.record import NetworkRecord
from nas.storage.networks.saved_network import (
    SavedNetwork,
    built_with,
    lacking,
    of_another_version,
    problems_of,
)
from search_space.architecture import Architecture, Task
from trainers import CheckpointError, load_checkpoint
from trainers.checkpoints.checkpoint import read_checkpoint

Read = TypeVar("Read", Architecture, Task, NetworkRecord)


class IncompleteNetworkWarning(UserWarning):
    """The file was saved by an early version, without preprocessing and class names."""


def save_network(
    path: Path,
    architecture: Architecture,
    task: Task,
    weights: Mapping[str, Tensor],
    record: NetworkRecord,
) -> None:
    """Write a network's file, whole or not at all.

    Raises:
        CheckpointError: it cannot be written; an earlier file stays.
        ValueError: the record is of another task.
    """
    save_checkpoint(path, network_content(architecture, task, weights, record))


def network_content(
    architecture: Architecture, task: Task, weights: Mapping[str, Tensor], record: NetworkRecord
) -> dict[str, Any]:
    """Return what a network's file holds, tensors and plain values.

    Raises:
        ValueError: the record is of another task.
    """
    record.check_fits(task)
    return {
        "architecture": architecture.canonical_json(),
        "task": task.canonical_json(),
        "record": record.canonical_json(),
        "weights": dict(weights),
    }


def load_network(
    path: str | Path, *, require_complete: bool = False, imports: bool = False
) -> SavedNetwork:
    """Read a network that ``nas retrain`` or ``nas export`` saved. The file is all that is needed.

    Args:
        path: such as ``model.pt``, or the URL of one, such as ``s3://bucket/model.pt``; or an
            exported file, whose format its name ends in.
        require_complete: refuse a file without record, which cannot classify pictures, instead of
            warning.
        imports: whether types ``module:Class`` may import their modules, which runs their code:
            True only for a file that you trust. Else a module must be imported already.

    Warns:
        IncompleteNetworkWarning: the file has no record; ``model``, ``architecture`` and ``task``
            can be used.

    Raises:
        CheckpointError: the file is missing, damaged or no saved network; or this version cannot
            read its architecture, weights or record; or a type's module cannot be imported.
        CommandError: a library that an exported file needs is not installed.
        TrustError: a type's module is not imported, and ``imports`` is False.
    """
    url = path if isinstance(path, str) and "://" in path else None
    place = Path(path) if url is None else url.partition("?")[0]
    if (file_format := format_by_ending(place)) is not None:
        content = _content(Path(path)) if url is None else read_object(url)
        return network_of_export(
            content, place, file_format, require_complete=require_complete, imports=imports
        )
    if url is None:
        saved = load_checkpoint(Path(path))
    else:
        saved = read_checkpoint(read_object(url), str(place))
    return _network_of(saved, place, require_complete=require_complete, imports=imports)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from error


def _network_of(
    saved: Mapping[str, Any], path: Path | str, *, require_complete: bool, imports: bool
) -> SavedNetwork:
    missing = {"architecture", "task", "weights"} - saved.keys()
    if missing:
        raise CheckpointError(f"{path} is not a retrained model: it has no {min(missing)}")
    architecture = _read_back(Architecture, saved, path, imports=imports)
    task = _read_back(Task, saved, path)
    record = None
    if "record" in saved:
        record = _read_back(NetworkRecord, saved, path)
        try:
            record.check_fits(task)
        except ValueError as error:
            raise of_another_version(path, f"its record is not valid: {error}") from error
    elif require_complete:
        raise CheckpointError(lacking(path))
    else:
        warnings.warn(lacking(path), IncompleteNetworkWarning, stacklevel=3)
    model = built_with(_weights(saved, path), architecture, task, path)
    return SavedNetwork(path, model, architecture, task, record)


def _weights(saved: Mapping[str, Any], path: Path | str) -> dict[str, Tensor]:
    weights = saved["weights"]
    if not isinstance(weights, dict) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in weights.items()
    ):
        raise of_another_version(path, "its weights do not fit: they must be tensors by name")
    return weights


def _read_back(
    kind: type[Read], saved: Mapping[str, Any], path: Path | str, **options: bool
) -> Read:
    name = "record" if kind is NetworkRecord else kind.__name__.lower()
    try:
        return kind.from_json(saved[name], **options)
    except ValidationError as error:
        problems = problems_of(error, kind, name, path)
        raise of_another_version(path, f"its {name} is not valid: {problems}") from error
