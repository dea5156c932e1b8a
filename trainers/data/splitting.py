"""Splitting: the chosen images of a labelled set, decoded into memory."""

from __future__ import annotations

import torch

from trainers.data.config import DataConfig
from trainers.data.dataset import ImageSplits, Split
from trainers.data.decoding import Decoder
from trainers.data.pixels import to_colour
from trainers.data.resizing import Resizing
from trainers.data.sources.labelled_set import LabelledPart, LabelledSet
from trainers.data.split import Part, choose_splits
from trainers.errors import DataError


def split_and_decode(
    labelled: LabelledSet, config: DataConfig, resizing: Resizing | None
) -> ImageSplits:
    """Choose the images of each split, and decode them.

    Args:
        labelled: the source's parts.
        config: the data set.
        resizing: of its pictures; None where all of them have one size.

    Raises:
        DataError: the parts cannot be split as asked; images are damaged or differ in size.
    """
    place = f"data set {config.name!r}"
    parts = _parts_to_use(labelled, config)
    choices = choose_splits(
        {part: each.labels for part, each in parts.items()},
        name=config.name,
        split_seed=config.split_seed,
        train_images=config.train_images,
        validation_images=config.validation_images,
        test_images=config.test_images,
    )
    decoder = Decoder(resizing)
    images = {
        split: decoder.decode(parts[choice.part].pictures, choice.indices.tolist())
        for split, choice in choices.items()
    }
    decoder.check(place)
    if any(array.shape[1] == 3 for array in images.values()):
        images = {split: to_colour(array) for split, array in images.items()}
    images = {  # a split of no images has seen no image size
        split: array if len(array) else array.reshape(0, *images["train"].shape[1:])
        for split, array in images.items()
    }
    splits = {
        split: Split(
            torch.from_numpy(images[split]),
            torch.from_numpy(parts[choice.part].labels[choice.indices]),
        )
        for split, choice in choices.items()
    }
    return ImageSplits.of(
        config.name,
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        class_names=labelled.class_names,
        size=config.image_size,
        left_out=labelled.left_out,
    )


def _parts_to_use(labelled: LabelledSet, config: DataConfig) -> dict[Part, LabelledPart]:
    """Return the parts under the names by which they are used; see ``DataConfig.test_part``."""
    parts = dict(labelled.parts)
    if config.test_part == "validation":
        if "validation" not in parts:
            raise DataError(
                f"data set {config.name!r}: test_part=validation, and {config.path or 'it'!r} has "
                f"no validation part, only {sorted(parts)}"
            )
        return {"train": parts["train"], "test": parts["validation"]}
    return parts
