"""Example pictures: a few validation images as PNG files, to try a trained network on.

Test images are not used: they are looked at once, when a network is tested.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from nas.atomic_write import replace_file
from trainers import ImageSplits
from trainers.boxes import OBJECT, classes, is_kind

AT_MOST = 10
LONGEST_CLASS_NAME = 60


class ExamplePicture(NamedTuple):
    """One image of the validation split."""

    position: int  # in the validation split
    class_name: str  # or those of its objects
    pixels: npt.NDArray[np.uint8]  # [1 or 3, H, W]

    @property
    def file_name(self) -> str:
        """The class and the image's index in the split, such as ``7_validation12.png``."""
        safe = re.sub(r"[^\w-]+", "_", self.class_name)[:LONGEST_CLASS_NAME]
        return f"{safe}_validation{self.position}.png"


def example_pictures(splits: ImageSplits) -> tuple[ExamplePicture, ...]:
    """Return the first validation image of each of the first ten classes that have one.

    Of images with objects they are the first ten, named by the classes of their objects.
    """
    if splits.has_objects:
        return tuple(_with_objects(splits, n) for n in range(min(AT_MOST, len(splits.validation))))
    labels = splits.validation.labels.cpu().numpy()
    classes, first = np.unique(labels, return_index=True)
    return tuple(
        ExamplePicture(
            int(index),
            splits.class_names[label],
            splits.validation.pixels(torch.tensor([index]))[0].cpu().numpy(),
        )
        for label, index in zip(classes[:AT_MOST], first[:AT_MOST], strict=True)
    )


def _with_objects(splits: ImageSplits, position: int) -> ExamplePicture:
    objects = splits.validation.labels[position]
    present = classes(objects[is_kind(objects, OBJECT)]).unique().tolist()
    name = "_".join(splits.class_names[each] for each in present) or "nothing"
    pixels = splits.validation.pixels(torch.tensor([position]))[0].cpu().numpy()
    return ExamplePicture(position, name, pixels)


def write_example_pictures(examples: Iterable[ExamplePicture], folder: Path) -> None:
    """Write each as a PNG file with the pixels that training saw; make the folder if missing.

    Raises:
        OSError: a file cannot be written.
    """
    from PIL import Image  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    for example in examples:
        pixels = example.pixels
        picture = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
        content = io.BytesIO()
        picture.save(content, "PNG")
        replace_file(folder / example.file_name, content.getvalue())
