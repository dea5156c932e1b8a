"""A trained network in one file: saved complete, loaded anywhere, ready to classify pictures.

The file holds the weights without preprocessing; :meth:`SavedNetwork.preprocess` does what the
file's record says that the training images went through.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from nas.errors import TrustError
from nas.storage.networks.checkpoints import save_checkpoint
from nas.storage.networks.exports.formats import format_by_ending
from nas.storage.networks.object_folder import read_object
from nas.storage.networks.record import NetworkRecord
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs
from search_space.networks import build
from search_space.primitives.registry import import_failure, not_imported
from search_space.validation_problems import explain
from trainers import CheckpointError, Preprocessing, load_checkpoint
from trainers.checkpoints.checkpoint import read_checkpoint

if TYPE_CHECKING:
    from PIL import Image

WEIGHTS_ERROR_CHARACTERS = 300

Read = TypeVar("Read", Architecture, Task, NetworkRecord)


class IncompleteNetworkWarning(UserWarning):
    """The file was saved by an early version, without preprocessing and class names."""


class Prediction(NamedTuple):
    """A class of an image with its predicted probability."""

    class_name: str
    probability: float  # 0..1, by softmax


@dataclass(frozen=True, eq=False)
class SavedNetwork:
    """A network and its file's record. Get one by :func:`load_network`.

    Attributes:
        path: the file, or its URL, for messages.
        model: in evaluation mode; maps float32 [N, C, H, W] to logits [N, classes].
        architecture: of the network.
        task: of the network.
        record: preprocessing, class names, recipe, accuracies and more; None in files of early
            versions.
    """

    path: Path | str
    model: nn.Module
    architecture: Architecture
    task: Task
    record: NetworkRecord | None

    @property
    def preprocessing(self) -> Preprocessing:
        """The preprocessing from a picture to the network's input.

        Raises:
            CheckpointError: the file has none.
        """
        return self._complete().preprocessing

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes' names in the order of the network's outputs.

        Raises:
            CheckpointError: the file has none.
        """
        return self._complete().class_names

    def preprocess(self, *pictures: str | Path | Image.Image) -> Tensor:
        """Make the network's input of pictures.

        Args:
            pictures: image files or PIL images, of any sizes.

        Returns:
            float32 [N, C, H, W], on the CPU.

        Raises:
            DataError: a picture cannot be read; the message names it.
            CheckpointError: the file has no preprocessing.
        """
        preprocessing = self.preprocessing
        if not pictures:
            return torch.empty(0, *preprocessing.input_shape)
        pixels = torch.stack([preprocessing.pixels(picture) for picture in pictures])
        return preprocessing.normalised(pixels)

    def predictions(self, x: Tensor, top: int = 1) -> list[list[Prediction]]:
        """Return the most probable classes of each image of a batch.

        Args:
            x: [N, C, H, W], as :meth:`preprocess` makes it; moved to the model's device.
            top: how many classes an image, at most all.

        Returns:
            One list an image, the most probable class first.

        Raises:
            ValueError: ``top`` is outside 1..classes.
            CheckpointError: the file has no class names, or the network's output is not finite.
        """
        names = self.class_names
        if not 1 <= top <= len(names):
            raise ValueError(f"top must be in 1..{len(names)}, the number of classes, got {top}")
        first = next(self.model.parameters(), None)  # ONNX Runtime keeps its own
        with torch.inference_mode():
            probabilities = (
                self.model(x if first is None else x.to(first.device)).float().softmax(dim=1).cpu()
            )
        if not probabilities.isfinite().all():
            raise CheckpointError(f"{self.path}: the network's output is not finite")
        # sorted stably: of equal ones the first class, as argmax has it
        values, classes = probabilities.sort(dim=1, descending=True, stable=True)
        return [
            [Prediction(names[c], p) for p, c in zip(*row, strict=True)]
            for row in zip(values[:, :top].tolist(), classes[:, :top].tolist(), strict=True)
        ]

    def classify(self, *pictures: str | Path | Image.Image, top: int = 1) -> list[list[Prediction]]:
        """Return the most probable classes of each picture, computed in one batch.

        Raises:
            DataError, CheckpointError, ValueError: as :meth:`preprocess` and :meth:`predictions`.
        """
        return self.predictions(self.preprocess(*pictures), top)

    def _complete(self) -> NetworkRecord:
        if self.record is None:
            raise CheckpointError(_lacking(self.path))
        return self.record


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
        # it imports this module
        from nas.storage.networks.exports.loading import network_of_export  # noqa: PLC0415

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
            raise _of_another_version(path, f"its record is not valid: {error}") from error
    elif require_complete:
        raise CheckpointError(_lacking(path))
    else:
        warnings.warn(_lacking(path), IncompleteNetworkWarning, stacklevel=3)
    model = built_with(_weights(saved, path), architecture, task, path)
    return SavedNetwork(path, model, architecture, task, record)


def built_with(
    weights: Mapping[str, Tensor], architecture: Architecture, task: Task, path: Path | str
) -> nn.Module:
    """Build a file's network, in evaluation mode.

    Raises:
        CheckpointError: the weights are not the architecture's, or it cannot be built.
    """
    try:
        params = network_costs(architecture, task).params
        if params > (held := sum(tensor.numel() for tensor in weights.values())):
            # checked before building, which takes memory for an architecture of any size
            raise _of_another_version(
                path, f"its weights do not fit: {params:,} parameters are needed, it holds {held:,}"
            )
        model = build(architecture, task, seed=0)
    except ValueError as error:
        raise _of_another_version(path, f"{architecture} cannot be built: {error}") from error
    try:
        model.load_state_dict(weights)
    except (RuntimeError, TypeError) as error:
        # PyTorch names every tensor that differs, which can be hundreds.
        differing = shorten(str(error), WEIGHTS_ERROR_CHARACTERS, placeholder=" ...")
        raise _of_another_version(path, f"its weights do not fit: {differing}") from error
    return model.eval()


def _weights(saved: Mapping[str, Any], path: Path | str) -> dict[str, Tensor]:
    weights = saved["weights"]
    if not isinstance(weights, dict) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in weights.items()
    ):
        raise _of_another_version(path, "its weights do not fit: they must be tensors by name")
    return weights


def _read_back(
    kind: type[Read], saved: Mapping[str, Any], path: Path | str, **options: bool
) -> Read:
    name = "record" if kind is NetworkRecord else kind.__name__.lower()
    try:
        return kind.from_json(saved[name], **options)
    except ValidationError as error:
        if untrusted := not_imported(error):
            raise TrustError(f"{path}: its {name}'s {untrusted}") from error
        if failure := import_failure(error):
            raise CheckpointError(f"{path}: its {name}'s {failure}") from error
        problems = "; ".join(explain(error, kind, name))
        raise _of_another_version(path, f"its {name} is not valid: {problems}") from error


def _of_another_version(path: Path | str, why: str) -> CheckpointError:
    return CheckpointError(f"{path} was made by another version of this software: {why}")


def _lacking(path: Path | str) -> str:
    return (
        f"{path} was saved before files were complete: it lacks the preprocessing, the class "
        "names, the recipe, costs and accuracies, so that it cannot classify pictures; train the "
        "network again, in a run of this version"
    )
