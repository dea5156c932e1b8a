from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainers import DataError
from trainers.data.split import Choice, choose_splits

LABELS = np.arange(240) % 4


def image_set(*choices: Choice) -> set[tuple[str, int]]:
    return {(choice.part, int(index)) for choice in choices for index in choice.indices}


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    counts=st.tuples(st.integers(8, 80), st.integers(8, 80), st.integers(8, 76)),
    other=st.tuples(st.integers(8, 80), st.integers(8, 80)),
)
def test_splits_are_disjoint_and_tests_never_move(
    seed: int, counts: tuple[int, int, int], other: tuple[int, int]
) -> None:
    def choose(train: int | None, validation: int | None) -> dict[str, Choice]:
        return choose_splits(
            {"train": LABELS},
            name="set",
            split_seed=seed,
            train_images=train,
            validation_images=validation,
            test_images=counts[2],
        )

    chosen = choose(counts[0], counts[1])
    sizes = [len(chosen[part].indices) for part in ("train", "validation", "test")]
    assert sizes == list(counts)
    assert len(image_set(*chosen.values())) == sum(counts)
    assert all(np.all(np.diff(choice.indices) > 0) for choice in chosen.values())
    for train, validation in [other, (other[0], None), (None, other[1]), (None, None)]:
        changed = choose(train, validation)
        assert image_set(changed["test"]) == image_set(chosen["test"])
        assert not image_set(changed["train"], changed["validation"]) & image_set(chosen["test"])
        assert not image_set(changed["train"]) & image_set(changed["validation"])
    assert image_set(choose(other[0], counts[1])["validation"]) == image_set(chosen["validation"])


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), per_class=st.integers(1, 20))
def test_splits_keep_the_proportion_of_classes(seed: int, per_class: int) -> None:
    chosen = choose_splits(
        {"train": LABELS}, name="set", split_seed=seed, train_images=4 * per_class, test_images=40
    )
    assert np.bincount(LABELS[chosen["train"].indices]).tolist() == [per_class] * 4
    assert np.bincount(LABELS[chosen["test"].indices]).tolist() == [10] * 4


def test_split_seed_decides() -> None:
    first, again, second = (
        choose_splits({"train": LABELS}, name="set", split_seed=seed) for seed in (0, 0, 1)
    )
    assert image_set(first["test"]) == image_set(again["test"])
    assert image_set(first["test"]) != image_set(second["test"])


def test_natural_sizes_without_own_parts() -> None:
    chosen = choose_splits({"train": LABELS}, name="set", split_seed=0)
    assert [len(chosen[part].indices) for part in ("test", "validation", "train")] == [48, 38, 154]
    rest = choose_splits({"train": LABELS}, name="set", split_seed=0, train_images=100)
    assert len(rest["validation"].indices) == 240 - 48 - 100


def test_own_parts_are_used_whole() -> None:
    chosen = choose_splits(
        {"train": LABELS, "validation": LABELS[:40], "test": LABELS[:80]},
        name="set",
        split_seed=0,
        train_images=100,
    )
    assert {name: (choice.part, len(choice.indices)) for name, choice in chosen.items()} == {
        "train": ("train", 100),
        "validation": ("validation", 40),
        "test": ("test", 80),
    }


def test_zero_images_leave_a_split_empty() -> None:
    chosen = choose_splits(
        {"train": LABELS}, name="set", split_seed=0, validation_images=0, test_images=0
    )
    assert len(chosen["train"].indices) == 240
    assert len(chosen["validation"].indices) == len(chosen["test"].indices) == 0


def test_impossible_sums_are_refused_with_the_numbers() -> None:
    with pytest.raises(DataError, match=r"train_images=150 exceeds the 140 images left.*240 train"):
        choose_splits(
            {"train": LABELS},
            name="set",
            split_seed=0,
            train_images=150,
            validation_images=50,
            test_images=50,
        )


def test_fewer_images_than_classes_are_refused() -> None:
    with pytest.raises(DataError, match=r"3 of 192 images with 4 classes .* train split"):
        choose_splits({"train": LABELS}, name="set", split_seed=0, train_images=3)
