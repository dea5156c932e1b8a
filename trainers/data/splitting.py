"""Splitting: the chosen images of a labelled set, decoded into memory or left on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from trainers.data.checks.unusable_pictures import check_chosen, unusable_pictures
from trainers.data.checks.usable_set import parts_to_use, usable_set
from trainers.data.config import DataConfig
from trainers.data.decoding import Decoder
from trainers.data.fingerprint import fingerprint_of
from trainers.data.pictures.pixels import to_colour
from trainers.data.pictures.resizing import Resizing
from trainers.data.sources.labelled_set import LabelledPart, LabelledSet
from trainers.data.sources.part_names import Part
from trainers.data.sources.some_pictures import SomePictures, selected
from trainers.data.splits.choice import Choice, choose_splits, notes_of
from trainers.data.splits.dataset import AnySplit, ImageSplits, Loading, Scale, Split
from trainers.data.splits.image_cache import mapped_splits
from trainers.data.splits.labels import strata
from trainers.data.splits.picture_split import JoinedPictures, PictureSplit, resized_objects
from trainers.errors import DataError

Parts = Mapping[Part, LabelledPart]
Choices = Mapping[Part, Choice]


def split_labelled(
    labelled: LabelledSet, config: DataConfig, resizing: Resizing | None, scale: Scale | None
) -> ImageSplits:
    """Choose the images of each split, and decode them if they are to be in memory.

    Args:
        labelled: the source's parts.
        config: the data set.
        resizing: of its pictures; None where all of them have one size.
        scale: mean and deviation, if the recipe gives them.

    Raises:
        DataError: the parts cannot be split as asked; images are damaged or differ in size; classes
            have problems.
    """
    loading = Loading(config.loader_processes, config.block_images)
    processes = loading.process_count()
    labelled = parts_to_use(labelled, config)
    content = fingerprint_of(labelled)
    labelled = usable_set(
        labelled,
        config,
        content=content,
        processes=processes,
        is_resized=resizing is not None,
    )
    parts, place = labelled.parts, f"data set {config.name!r}"
    choices = choose_splits(
        {part: strata(torch.from_numpy(each.labels)).numpy() for part, each in parts.items()},
        name=config.name,
        split_seed=config.split_seed,
        train_images=config.train_images,
        validation_images=config.validation_images,
        test_images=config.test_images,
    )
    once = _decodes_once(config, choices, resizing)
    in_memory = once and config.cache is None
    splits: Mapping[Part, AnySplit]
    if in_memory:
        splits = _decoded(parts, choices, resizing, place)
    else:
        splits = on_disk = _on_disk(parts, choices, resizing, config)
        if not config.skip_damaged:  # (else they are left out already)
            unusable = unusable_pictures(labelled, content=content, processes=processes)
            chosen = [(choice.part, choice.indices) for choice in choices.values()]
            check_chosen(labelled, chosen, unusable, place)
        if once and config.cache is not None:
            splits = mapped_splits(
                on_disk,
                Path(config.cache).expanduser(),
                content=content,
                name=config.name,
                processes=processes,
            )
    return ImageSplits.of(
        config.name,
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        class_names=labelled.class_names,
        size=config.image_size,
        left_out=(*labelled.left_out, *notes_of(choices)),
        loading=loading,
        scale=None if in_memory else scale,
        fingerprint=content,
    )


def _decodes_once(config: DataConfig, choices: Choices, resizing: Resizing | None) -> bool:
    """Return whether images are decoded into memory, by ``data.decoding``."""
    if config.decoding != "auto":
        return config.decoding == "once"
    if config.cache is not None:
        return True
    if resizing is None:  # of images of one size, which is known once they are decoded
        return True
    height, width = resizing.size
    images = sum(len(choice.indices) for choice in choices.values())
    return images * 3 * height * width <= config.memory_gb * 1e9


def _decoded(
    parts: Parts, choices: Choices, resizing: Resizing | None, place: str
) -> dict[Part, Split]:
    """Return the splits in memory."""
    decoder = Decoder(resizing)
    images = {
        split: decoder.decode(parts[choice.part], choice.indices.tolist())
        for split, choice in choices.items()
    }
    decoder.check(place)
    if any(array.shape[1] == 3 for array in images.values()):
        images = {split: to_colour(array) for split, array in images.items()}
    images = {  # a split of no images has seen no image size
        split: array if len(array) else array.reshape(0, *images["train"].shape[1:])
        for split, array in images.items()
    }
    return {
        split: Split(
            torch.from_numpy(images[split]),
            _labels(selected(parts[choice.part], choice.indices), resizing),
        )
        for split, choice in choices.items()
    }


def _on_disk(
    parts: Parts, choices: Choices, resizing: Resizing | None, config: DataConfig
) -> dict[Part, PictureSplit]:
    """Return the splits whose pictures are decoded whenever they are used."""
    if resizing is None:
        raise DataError(
            f"data set {config.name!r}: "
            f"{'decoding=each_use' if config.cache is None else 'cache'} needs image_size, the "
            "size of the network's input, got null"
        )
    splits = {}
    for split, choice in choices.items():
        part = selected(parts[choice.part], choice.indices)
        pictures = SomePictures(parts[choice.part].pictures, choice.indices)
        hw = None if part.hw is None else torch.from_numpy(part.hw)
        labels = _labels(part, resizing)
        splits[split] = PictureSplit(JoinedPictures([pictures]), labels, resizing, hw)
    return splits


def _labels(part: LabelledPart, resizing: Resizing | None) -> torch.Tensor:
    """Return a part's labels, of which objects lie in resized images."""
    labels = torch.from_numpy(part.labels)
    if part.hw is None:
        return labels
    return resized_objects(labels, torch.from_numpy(part.hw), resizing)
