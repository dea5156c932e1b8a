"""A saved network, ready to classify pictures, or to detect objects in them.

Its file holds the weights without preprocessing; :meth:`SavedNetwork.preprocess` does what the
file's record says that the training images went through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, NamedTuple

import torch
from pydantic import BaseModel, ValidationError
from torch import Tensor, nn

from nas.errors import TrustError
from nas.evaluation.learned_task import learned_task
from nas.storage.networks.decoded_detector import checked_outputs, decoding
from nas.storage.networks.detected_objects import SHOWN_FROM, DetectedObject, detected_objects
from nas.storage.networks.record import NetworkRecord
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs
from search_space.networks import build
from search_space.primitives.registry import import_failure, not_imported
from search_space.validation_problems import explain
from trainers import CheckpointError, Preprocessing
from trainers.data.pictures.pixels import open_picture
from trainers.tasks.detection.detections import detections
from trainers.tasks.task import TaskName

if TYPE_CHECKING:
    from PIL import Image

WEIGHTS_ERROR_CHARACTERS = 300


class Prediction(NamedTuple):
    """A class of an image with its predicted probability."""

    class_name: str
    probability: float  # 0..1, by softmax


@dataclass(frozen=True, eq=False)
class SavedNetwork:
    """A network and its file's record.

    Get one by :func:`nas.storage.networks.network_file.load_network`.

    Attributes:
        path: the file, or its URL, for messages.
        model: in evaluation mode; maps float32 [N, C, H, W] to logits [N, classes]. A detector's
            maps them to (logits, offsets) of its anchors; that of an ONNX or torch.export file to
            the outputs of the file, decoded boxes and scores.
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
    def learned_task(self) -> TaskName:
        """The task that the network learned."""
        return learned_task(self.architecture)

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
            ValueError: ``top`` is outside 1..classes, or the network is a detector.
            CheckpointError: the file has no class names, or the network's output is not finite.
        """
        if self.learned_task == "detection":
            raise ValueError(f"{self.path} is a detector, which has no class of a whole image")
        names = self.class_names
        if not 1 <= top <= len(names):
            raise ValueError(f"top must be in 1..{len(names)}, the number of classes, got {top}")
        with torch.inference_mode():
            probabilities = self.model(self._on_device(x)).float().softmax(dim=1).cpu()
        self._check_finite(probabilities)
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

    def detections(
        self,
        x: Tensor,
        picture_hw: Sequence[tuple[int, int]] | None = None,
        *,
        score_threshold: float = SHOWN_FROM,
        detections_per_image: int | None = None,
    ) -> list[list[DetectedObject]]:
        """Return the objects in each image of a batch, after non-maximum suppression.

        Args:
            x: [N, C, H, W], as :meth:`preprocess` makes it; moved to the model's device.
            picture_hw: (height, width) of the N pictures, upright, in whose pixels the boxes are
                returned; None leaves them in pixels of ``x``.
            score_threshold: the least probability of an object.
            detections_per_image: the most objects of an image; None for those of the recipe.

        Returns:
            One list an image, the most probable object first.

        Raises:
            ValueError: the network is no detector.
            CheckpointError: the file has no class names, or the network's output is not finite, or
                not a detector's.
        """
        detector, record = self.architecture.detector, self._complete()
        if detector is None:
            raise ValueError(f"{self.path} is a classifier, which finds no objects")
        settings = record.recipe.detection.model_copy(update={"score_threshold": score_threshold})
        if detections_per_image is not None:
            settings = settings.model_copy(update={"detections_per_image": detections_per_image})
        with torch.inference_mode():
            outputs = decoding(self.model, detector, self.task)(self._on_device(x))
        boxes, scores = checked_outputs(outputs, (len(x), self.task.classes), self.path)
        self._check_finite(boxes, scores)
        rows = detections(scores, boxes, settings).cpu()
        return detected_objects(rows, self.class_names, self.preprocessing, picture_hw)

    def detect(
        self, *pictures: str | Path | Image.Image, score_threshold: float = SHOWN_FROM
    ) -> list[list[DetectedObject]]:
        """Return the objects in each picture, with boxes in its pixels, computed in one batch.

        Raises:
            DataError, CheckpointError, ValueError: as :meth:`preprocess` and :meth:`detections`.
        """
        if not pictures:
            return []
        inputs, sizes = [], []
        for picture in pictures:
            if isinstance(picture, str | Path):
                opened, place = open_picture(picture), str(picture)
            else:
                opened, place = picture, "the picture"
            inputs.append(self.preprocessing.pixels(opened, place=place))
            sizes.append((opened.height, opened.width))
        x = self.preprocessing.normalised(torch.stack(inputs))
        return self.detections(x, sizes, score_threshold=score_threshold)

    def _on_device(self, x: Tensor) -> Tensor:
        first = next(self.model.parameters(), None)  # ONNX Runtime keeps its own
        return x if first is None else x.to(first.device)

    def _check_finite(self, *outputs: Tensor) -> None:
        if not all(each.isfinite().all() for each in outputs):
            raise CheckpointError(f"{self.path}: the network's output is not finite")

    def _complete(self) -> NetworkRecord:
        if self.record is None:
            raise CheckpointError(lacking(self.path))
        return self.record


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
            raise of_another_version(
                path, f"its weights do not fit: {params:,} parameters are needed, it holds {held:,}"
            )
        model = build(architecture, task, seed=0)
    except ValueError as error:
        raise of_another_version(path, f"{architecture} cannot be built: {error}") from error
    try:
        model.load_state_dict(weights)
    except (RuntimeError, TypeError) as error:
        # PyTorch names every tensor that differs, which can be hundreds.
        differing = shorten(str(error), WEIGHTS_ERROR_CHARACTERS, placeholder=" ...")
        raise of_another_version(path, f"its weights do not fit: {differing}") from error
    return model.eval()


def problems_of(error: ValidationError, kind: type[BaseModel], name: str, path: Path | str) -> str:
    """Return what is not valid of a part of a file, in one line.

    Args:
        error: of the part.
        kind: its type.
        name: as messages call it.
        path: of the file.

    Raises:
        TrustError: a type's module is not imported.
        CheckpointError: a type's module cannot be imported.
    """
    if untrusted := not_imported(error):
        raise TrustError(f"{path}: its {name}'s {untrusted}") from error
    if failure := import_failure(error):
        raise CheckpointError(f"{path}: its {name}'s {failure}") from error
    return "; ".join(explain(error, kind, name))


def of_another_version(path: Path | str, why: str) -> CheckpointError:
    """Return the error of a file that this version cannot read."""
    return CheckpointError(f"{path} was made by another version of this software: {why}")


def lacking(path: Path | str) -> str:
    """Return what a file without a record lacks, and what to do."""
    return (
        f"{path} was saved before files were complete: it lacks the preprocessing, the class "
        "names, the recipe, costs and accuracies, so that it cannot classify pictures; train the "
        "network again, in a run of this version"
    )
