"""Stratified choice of train, validation and test images, from the split seed alone.

In this order, so that nothing later moves what was chosen before:

1. test: from the data set's own test part (None: all of it), or else from its train part (None:
   a fifth of it). So it depends on ``split_seed`` and ``test_images``, on no other count.
2. validation: from the data set's own validation part (None: all of it), or else from what is
   left of the train part (None: a fifth of that; with ``train_images`` given, what they leave).
3. train: from what is left of the train part (None: all of that).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from trainers.errors import DataError

Part = Literal["train", "validation", "test"]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Choice:
    """The images of one split: which part of the data set, and their sorted positions in it."""

    part: Part
    indices: Indices


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
        chosen, pools[source] = stratified(pool, labels[source], count, split_seed, name, part)
        return Choice(source, np.sort(chosen))

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


def stratified(
    pool: Indices, labels: npt.NDArray[np.int64], count: int, seed: int, name: str, part: Part
) -> tuple[Indices, Indices]:
    """Choose ``count`` of ``pool`` with the classes in proportion, and the rest, in random order.

    Args:
        pool: int64 [M], positions in ``labels``.
        labels: int64 [N].
        count: at most M.
        seed: of the choice.
        name: of the data set, for messages.
        part: what is chosen, for messages.

    Raises:
        DataError: too few, or too few left, to hold every class.
    """
    from sklearn.model_selection import train_test_split  # noqa: PLC0415 (slow to import)

    if count == 0:
        return pool[:0], pool
    if count == len(pool):
        return pool, pool[:0]
    try:
        chosen, rest = train_test_split(
            pool, train_size=count, random_state=seed, stratify=labels[pool]
        )
    except ValueError as error:
        raise DataError(
            f"data set {name!r}: {count} of {len(pool)} images with "
            f"{len(np.unique(labels[pool]))} classes cannot be a stratified {part} split: {error}"
        ) from error
    return chosen, rest


def _sizes(labels: Mapping[Part, npt.NDArray[np.int64]]) -> str:
    return ", ".join(f"{len(part_labels)} {part} images" for part, part_labels in labels.items())
