"""The splits of a generated task, as ``data`` names it."""

from __future__ import annotations

import torch

from trainers.data.config import DataConfig
from trainers.data.generated.generated_task import (
    GeneratedTask,
    pathfinder_task,
    pointer_value_retrieval_task,
    shapes_task,
)
from trainers.data.generated.kept_images import kept_images
from trainers.data.generated.pathfinder_settings import PathfinderSettings
from trainers.data.generated.pointer_value_retrieval_settings import PointerValueRetrievalSettings
from trainers.data.generated.shapes_settings import ShapesSettings
from trainers.data.generated.task_settings import TASK_SETTINGS
from trainers.data.sources.part_names import Part
from trainers.data.splits.dataset import ImageSplits, Split
from trainers.errors import DataError
from trainers.settings import Settings

IMAGES: dict[Part, int] = {"train": 8_000, "validation": 2_000, "test": 2_000}
"""Images of each split, unless ``data`` says how many."""


def load_generated(config: DataConfig) -> ImageSplits:
    """Draw the images of a generated task, or read them from the user's cache folder.

    Returns:
        splits of [N, C, pixels, pixels]; classes of whole images take turns.

    Raises:
        DataError: there are fewer train images than classes, or images can hardly ever be drawn
            with these parameters.
    """
    settings = TASK_SETTINGS[config.name].model_validate(config.parameters or {})
    task = _task(settings)
    asked: dict[Part, int | None] = {
        "train": config.train_images,
        "validation": config.validation_images,
        "test": config.test_images,
    }
    counts = {part: IMAGES[part] if count is None else count for part, count in asked.items()}
    classes = len(task.class_names)
    if counts["train"] < classes:
        raise DataError(
            f"data {config.name!r}: every one of its {classes} classes needs an image to train on, "
            f"got train_images={counts['train']}"
        )

    def split(part: Part) -> Split:
        count = counts[part]
        drawn = kept_images(task, settings, seed=config.split_seed, part=part, count=count)
        return Split(*map(torch.from_numpy, drawn))

    return ImageSplits.of(
        config.name,
        train=split("train"),
        validation=split("validation"),
        test=split("test"),
        class_names=task.class_names,
    )


def _task(settings: Settings) -> GeneratedTask:
    match settings:
        case PathfinderSettings():
            return pathfinder_task(settings)
        case PointerValueRetrievalSettings():
            return pointer_value_retrieval_task(settings)
        case ShapesSettings():
            return shapes_task(settings)
    raise AssertionError(settings)
