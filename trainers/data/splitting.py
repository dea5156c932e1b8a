"""Splitting: the chosen images of a labelled set, decoded into memory."""

from __future__ import annotations

import torch

from trainers.data.config import DataConfig
from trainers.data.dataset import ImageSplits, Split
from trainers.data.decoding import Decoder
from trainers.data.pixels import to_colour
from trainers.data.resizing import Resizing
from trainers.data.sources.labelled_set import LabelledSet
from trainers.data.split import choose_splits, notes_of
from trainers.data.usable_set import parts_to_use, usable_set


def split_and_decode(
    labelled: LabelledSet, config: DataConfig, resizing: Resizing | None
) -> ImageSplits:
    """Choose the images of each split, and decode them.

    Args:
        labelled: the source's parts.
        config: the data set.
        resizing: of its pictures; None where all of them have one size.

    Raises:
        DataError: the parts cannot be split as asked; images are damaged or differ in size; classes
            have problems.
    """
    place = f"data set {config.name!r}"
    labelled = usable_set(parts_to_use(labelled, config), config, is_resized=resizing is not None)
    parts = labelled.parts
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
        left_out=(*labelled.left_out, *notes_of(choices)),
    )
