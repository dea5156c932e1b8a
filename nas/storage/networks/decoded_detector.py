"""A detector whose boxes are decoded, as exported files hold it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from search_space.architecture import Task
from search_space.detector import Detector
from search_space.networks import RetinaNet
from search_space.networks.detection.boxes import anchor_boxes, decoded_boxes
from trainers import CheckpointError


class DecodedDetector(nn.Module):
    """``[B, C, H, W]`` to boxes ``[B, N, 4]`` and scores ``[B, N, classes]`` of the N anchors.

    Boxes are (left, top, right, bottom) in pixels of these images; scores are probabilities in
    0..1, each class's by itself. Both are float32, also of a network in half precision.

    Args:
        model: maps images to (logits ``[B, N, classes]``, offsets ``[B, N, 4]``).
        detector: its anchors.
        image_hw: (height, width) of the images, in pixels.
    """

    def __init__(self, model: nn.Module, detector: Detector, image_hw: tuple[int, int]) -> None:
        super().__init__()
        self.model = model
        self._image_hw = image_hw
        self.anchors: Tensor
        self.register_buffer("anchors", anchor_boxes(detector, image_hw), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        logits, offsets = self.model(x)
        boxes = decoded_boxes(offsets.float(), self.anchors, self._image_hw)
        return boxes, logits.float().sigmoid()


def decoding(model: nn.Module, detector: Detector, task: Task) -> nn.Module:
    """Return a detector that decodes: the model of an ONNX or torch.export file does by itself."""
    if not isinstance(model, RetinaNet):
        return model
    device = next(model.parameters()).device
    return DecodedDetector(model, detector, task.input_shape[1:]).eval().to(device)


def checked_outputs(
    outputs: Any, sizes: tuple[int, int], place: Path | str
) -> tuple[Tensor, Tensor]:
    """Return the boxes and scores among the outputs of a detector that decodes.

    Args:
        outputs: of the model.
        sizes: the numbers of images and of classes.
        place: the file, for messages.

    Raises:
        CheckpointError: they are something else.
    """
    images, classes = sizes
    pair = list(outputs)[:2] if isinstance(outputs, list | tuple) else []
    shapes = [list(each.shape) for each in pair]
    anchors = shapes[0][1:2] if shapes else []
    if shapes != [[images, *anchors, 4], [images, *anchors, classes]]:
        raise CheckpointError(
            f"{place}: a detector's outputs must be boxes [{images}, anchors, 4] and scores "
            f"[{images}, anchors, {classes}], got {shapes or type(outputs).__name__}"
        )
    boxes, scores = pair
    return boxes, scores
