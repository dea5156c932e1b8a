from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainers import DataError
from trainers.data.splits.choice import Choice, choose_splits, notes_of
from trainers.data.splits.largest_remainder import shares

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


@st.composite
def divisions(draw: st.DrawFn) -> tuple[np.ndarray, int, np.ndarray, np.ndarray]:
    """Sizes of classes, a count, and bounds between whose sums it lies."""
    sizes = np.array(draw(st.lists(st.integers(1, 30), min_size=1, max_size=12)))
    least = np.array([draw(st.integers(0, size)) for size in sizes])
    most = np.array([draw(st.integers(low, size)) for low, size in zip(least, sizes, strict=True)])
    return sizes, draw(st.integers(int(least.sum()), int(most.sum()))), least, most


@settings(deadline=None)
@given(division=divisions(), seed=st.integers(0, 2**32 - 1))
def test_shares_are_whole_within_bounds_and_have_the_sum(
    division: tuple[np.ndarray, int, np.ndarray, np.ndarray], seed: int
) -> None:
    sizes, count, least, most = division
    given = shares(sizes, count, least=least, most=most, rng=np.random.default_rng(seed))
    assert given.sum() == count
    assert np.all(least <= given)
    assert np.all(given <= most)
    unbound = shares(sizes, count, least=0 * sizes, most=sizes, rng=np.random.default_rng(seed))
    whole, remainders = np.divmod(sizes * count, sizes.sum())
    up = unbound - whole
    assert set(up.tolist()) <= {0, 1}  # the quota rule
    if 0 < up.sum() < len(up):
        assert remainders[up == 1].min() >= remainders[up == 0].max()


def test_equal_remainders_are_ordered_by_the_seed() -> None:
    def chosen(seed: int) -> list[int]:
        sizes = np.full(50, 4)
        none = np.zeros(50, np.int64)
        rng = np.random.default_rng(seed)
        return np.flatnonzero(shares(sizes, 20, least=none, most=sizes, rng=rng)).tolist()

    assert chosen(0) == chosen(0) != chosen(1)
    assert len(chosen(0)) == 20


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(2, 9), min_size=3, max_size=40),
    counts=st.tuples(st.integers(0, 60), st.integers(0, 60)),
)
def test_hold_outs_may_be_smaller_than_the_number_of_classes(
    seed: int, sizes: list[int], counts: tuple[int, int]
) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    test_images = counts[0] % len(sizes)
    room = len(labels) - len(sizes) - test_images
    validation_images = min(counts[1] % len(sizes), room)
    chosen = choose_splits(
        {"train": labels},
        name="set",
        split_seed=seed,
        validation_images=validation_images,
        test_images=test_images,
    )
    assert len(chosen["test"].indices) == test_images
    assert len(chosen["validation"].indices) == validation_images
    assert len(image_set(*chosen.values())) == len(labels)
    assert set(labels[chosen["train"].indices]) == set(labels)  # each is trained on


def test_a_split_by_the_largest_remainder_is_said() -> None:
    labels = np.repeat(np.arange(100), 20)
    chosen = choose_splits(
        {"train": labels}, name="s", split_seed=3, test_images=30, validation_images=200
    )
    assert notes_of(chosen) == [
        "classes have shares of the 30 test images, or of the rest, under one image: they are "
        "filled by the largest remainder from the seed 3, and 70 of 100 classes have no test image"
    ]
    assert notes_of(choose_splits({"train": labels}, name="s", split_seed=3)) == []


def test_own_parts_may_lose_whole_classes() -> None:
    labels = np.arange(10).repeat(4)
    chosen = choose_splits(
        {"train": labels, "test": labels}, name="s", split_seed=0, test_images=38
    )
    counts = np.bincount(labels[chosen["test"].indices], minlength=10)
    assert sorted(counts.tolist()) == [3, 3] + 8 * [4]


def test_a_class_of_one_image_is_trained_on() -> None:
    labels = np.array([0] * 9 + [1] * 9 + [2])
    chosen = choose_splits({"train": labels}, name="s", split_seed=0)
    assert 18 in chosen["train"].indices


def test_so_many_held_out_that_a_class_has_none_to_train_on_are_refused() -> None:
    with pytest.raises(DataError, match=r"237 of 240 images with 4 classes .* from 0 to 236"):
        choose_splits({"train": LABELS}, name="s", split_seed=0, test_images=237)
