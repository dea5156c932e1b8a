"""Labels that are objects: what a split takes, and what it keeps when it is cut and joined."""

from __future__ import annotations

import pytest
import torch

from trainers import DataError, ImageSplits, Split
from trainers.boxes import OBJECT
from trainers.data.fingerprint import fingerprint_of_splits
from trainers.data.splits.labels import rows_of_objects, strata

BOX = [2.0, 3, 6, 7, 1, OBJECT]


def split_of(*images: list[list[float]], rows: int | None = None) -> Split:
    most = max(map(len, images)) if rows is None else rows
    filled = [own + [[0.0] * 6] * (most - len(own)) for own in images]
    pixels = torch.arange(len(images) * 64).remainder(251).to(torch.uint8).view(-1, 1, 8, 8)
    return Split(pixels, torch.tensor(filled).reshape(len(images), most, 6))


def splits_of(train: Split, validation: Split) -> ImageSplits:
    return ImageSplits.of(
        "own",
        train=train,
        validation=validation,
        test=validation.rows(torch.arange(0)),
        class_names=("one", "two"),
    )


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            torch.zeros(2, 3, 5),
            r"objects must be float32 \[2, M, 6\], got torch.float32 \[2, 3, 5\]",
        ),
        (torch.zeros(2, 3, 6, dtype=torch.float64), "objects must be float32"),
        (torch.zeros(3, 1, 6), "objects must be float32"),
        (
            torch.tensor([[[1.0, 1, 1, 4, 0, OBJECT]]] * 2),
            "left edge before its right one.*object 0 of image 0",
        ),
    ],
)
def test_other_objects_are_refused(labels: torch.Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Split(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), labels)


def test_rows_that_fill_do_not_count() -> None:
    narrow, wide = split_of([BOX], [BOX, BOX]), split_of([BOX], [BOX, BOX], rows=5)
    assert narrow.digest() == wide.digest()
    other = split_of([BOX, BOX], [BOX])
    assert other.digest() != narrow.digest()
    assert fingerprint_of_splits(splits_of(narrow, narrow)) == fingerprint_of_splits(
        splits_of(wide, wide)
    )
    assert rows_of_objects(wide.labels).tolist() == [1, 2]
    assert rows_of_objects(torch.zeros(3, 0, 6)).tolist() == [0, 0, 0]


def test_splits_of_other_counts_are_joined() -> None:
    whole = splits_of(split_of([BOX]), split_of([BOX, BOX, BOX], [])).with_validation_in_train()
    assert whole.train.labels.shape == (3, 3, 6)
    assert rows_of_objects(whole.train.labels).tolist() == [1, 3, 0]
    assert strata(whole.train.labels).tolist() == [0, 0, 0]


def test_classes_and_objects_do_not_mix() -> None:
    classes = Split(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), torch.tensor([1]))
    with pytest.raises(DataError, match="validation split: objects and classes cannot be labels"):
        splits_of(split_of([BOX]), classes)


def test_a_class_must_have_a_name() -> None:
    with pytest.raises(DataError, match=r"labels must be in 0\.\.1, got 1\.\.2"):
        splits_of(split_of([BOX, [*BOX[:4], 2, OBJECT]]), split_of([]))
