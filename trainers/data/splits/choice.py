"""Stratified choice of train, validation and test images, from the split seed alone.

In this order, so that nothing later moves what was chosen before:

1. test: from the data set's own test part (None: all of it), or else from its train part (None:
   a fifth of it). So it depends on ``split_seed`` and ``test_images``, on no other count.
2. validation: from the data set's own validation part (None: all of it), or else from what is
   left of the train part (None: a fifth of that; with ``train_images`` given, what they leave).
3. train: from what is left of the train part (None: all of that).

Where scikit-learn cannot choose because a class's share is under one image, the shares are whole
numbers by the largest remainder, and every class keeps an image to train on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trainers.data.sources.part_names import Part
from trainers.data.splits.largest_remainder import shares
from trainers.errors import DataError

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Choice:
    """The images of one split: which part of the data set, and their sorted positions in it.

    ``note`` says where some classes have no image, or is empty.
    """

    part: Part
    indices: Indices
    note: str = ""


class Stratified(NamedTuple):
    """Chosen positions and the rest, each in random order, and a note as :class:`Choice` has."""

    chosen: Indices
    rest: Indices
    note: str = ""


def choose_splits(
    labels: Mapping[Part, npt.NDArray[np.int64]],
    *,
    name: str,
    split_seed: int,
    train_images: int | None = None,
    validation_images: int | None = None,
    test_images: int | None = None,
) -> dict[Part, Choice]:
    """Choose the images of each split, by the rules at the top of this module.

    Args:
        labels: int64 [N] of each part that the data set itself has; "train" is required.
        name: of the data set, for messages.
        split_seed: 0 or more.
        train_images, validation_images, test_images: counts; None for what is natural.

    Raises:
        DataError: a count is larger than what there is, or too small to hold every class.
    """
    pools = {part: np.arange(len(part_labels)) for part, part_labels in labels.items()}

    def choose(part: Part, count: int | None, share: float) -> Choice:
        source: Part = part if part in pools else "train"
        pool = pools[source]
        if count is None:
            count = len(pool) if source == part else round(len(pool) * share)
        available = {source_part: len(pool) for source_part, pool in pools.items()}
        if count > len(pool):
            raise DataError(
                f"data set {name!r}: {part}_images={count} exceeds the {len(pool)} images left "
                f"(it has {_sizes(labels)}; asked: train_images={train_images}, "
                f"validation_images={validation_images}, test_images={test_images}; "
                f"unused before this choice: {available})"
            )
        chosen, pools[source], note = stratified(
            pool,
            labels[source],
            count,
            split_seed,
            name,
            part,
            rest_is_trained_on=source == "train" and part != "train",
        )
        return Choice(source, np.sort(chosen), note)

    test = choose("test", test_images, 1 / 5)
    rest_is_validation = (
        validation_images is None and train_images is not None and "validation" not in labels
    )
    if rest_is_validation:
        train = choose("train", train_images, 1)
        validation = Choice("train", np.sort(pools["train"]))
    else:
        validation = choose("validation", validation_images, 1 / 5)
        train = choose("train", train_images, 1)
    return {"train": train, "validation": validation, "test": test}


def notes_of(choices: Mapping[Part, Choice]) -> list[str]:
    """Return the notes of all splits that have one."""
    return [choice.note for choice in choices.values() if choice.note]


def stratified(
    pool: Indices,
    labels: npt.NDArray[np.int64],
    count: int,
    seed: int,
    name: str,
    part: Part,
    *,
    rest_is_trained_on: bool = False,
) -> Stratified:
    """Choose ``count`` of ``pool`` with the classes in proportion.

    Args:
        pool: int64 [M], positions in ``labels``.
        labels: int64 [N].
        count: at most M.
        seed: of the choice.
        name: of the data set, for messages.
        part: what is chosen, for messages; "train" must have every class.
        rest_is_trained_on: the rest must have every class.

    Raises:
        DataError: too few, or too few left, to hold every class.
    """
    from sklearn.model_selection import train_test_split  # noqa: PLC0415 (slow to import)

    if count == 0:
        return Stratified(pool[:0], pool)
    if count == len(pool):
        return Stratified(pool, pool[:0])
    try:
        chosen, rest = train_test_split(
            pool, train_size=count, random_state=seed, stratify=labels[pool]
        )
    except ValueError:  # a share under one image
        classes, own, sizes = np.unique(labels[pool], return_inverse=True, return_counts=True)
        least = np.full_like(sizes, part == "train")
        most = sizes - rest_is_trained_on
        if not least.sum() <= count <= most.sum():
            raise DataError(
                f"data set {name!r}: {count} of {len(pool)} images with {len(classes)} classes "
                f"cannot be a {part} split: every class needs an image to train on, so that it "
                f"has from {least.sum()} to {most.sum()} images"
            ) from None
        rng = np.random.default_rng(seed)
        given = shares(sizes, count, least=least, most=most, rng=rng)
        return _chosen(pool, own, given, rng, _note(part, count, given, seed))
    return Stratified(chosen, rest)


def _chosen(
    pool: Indices, own: Indices, given: Indices, rng: np.random.Generator, note: str
) -> Stratified:
    """Choose as many images of each class as are given, at random.

    Args:
        pool: int64 [M], positions.
        own: int64 [M], the class of each.
        given: int64 [C], images of each class.
        rng: draws them.
        note: of the choice.
    """
    order = rng.permutation(len(pool))
    order = order[np.argsort(own[order], kind="stable")]  # the classes one after the other
    begins = np.cumsum(np.bincount(own)) - np.bincount(own)
    is_chosen = np.arange(len(pool)) - begins[own[order]] < given[own[order]]
    return Stratified(
        pool[rng.permutation(order[is_chosen])], pool[rng.permutation(order[~is_chosen])], note
    )


def _note(part: Part, count: int, given: Indices, seed: int) -> str:
    without = int((given == 0).sum())
    return (
        f"classes have shares of the {count} {part} images, or of the rest, under one image: they "
        f"are filled by the largest remainder from the seed {seed}, and {without} of {len(given)} "
        f"classes have no {part} image"
    )


def _sizes(labels: Mapping[Part, npt.NDArray[np.int64]]) -> str:
    return ", ".join(f"{len(part_labels)} {part} images" for part, part_labels in labels.items())


def digest_of(*numbers: npt.NDArray[np.int64]) -> str:
    """Return 16 hexadecimal digits that identify arrays of int64 numbers."""
    digest = hashlib.blake2b(digest_size=8)
    for each in numbers:
        digest.update(len(each).to_bytes(8, "little"))
        digest.update(np.ascontiguousarray(each, dtype="<i8").data)
    return digest.hexdigest()
