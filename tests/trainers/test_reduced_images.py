"""Fewer and smaller images of the same data set."""

from __future__ import annotations

import pytest
import torch

from trainers import DataError, ImageSplits, Split, central_crop, reduced


def test_part_of_the_train_images_with_the_classes_in_proportion(digits: ImageSplits) -> None:
    part = reduced(digits, train_images=60, seed=4)
    assert (len(part.train), part.input_shape) == (60, digits.input_shape)
    counts = torch.bincount(part.train.labels)
    assert (counts - torch.bincount(digits.train.labels) / 5).abs().max() < 1
    whole = {tuple(image.flatten().tolist()) for image in digits.train.images}
    assert {tuple(image.flatten().tolist()) for image in part.train.images} <= whole
    assert part.mean == pytest.approx([part.train.images.double().mean().item() / 255])
    for name in ("validation", "test"):
        assert torch.equal(getattr(part, name).images, getattr(digits, name).images)


def test_the_choice_follows_from_the_seed(digits: ImageSplits) -> None:
    first, again, other = (reduced(digits, train_images=60, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.train.images, again.train.images)
    assert not torch.equal(first.train.images, other.train.images)


def test_smaller_images_keep_their_proportion_and_means() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (3, 3, 8, 16), dtype=torch.uint8, generator=generator)
    split = Split(images, torch.tensor([0, 1, 1]))
    names = ("a", "b")
    splits = ImageSplits.of("s", train=split, validation=split, test=split, class_names=names)
    small = reduced(splits, resolution=4)
    assert small.input_shape == (3, 4, 8)
    assert small.train.images.dtype == torch.uint8
    assert torch.equal(small.test.images, small.train.images)
    # anti-aliased: each pixel is a mean of the area around it, not one of four
    means = images.double().mean(dim=(2, 3))
    assert (small.train.images.double().mean(dim=(2, 3)) - means).abs().max() < 8
    assert small.train.images.double().std() < 0.7 * images.double().std()
    assert torch.equal(reduced(splits, resolution=8).train.images, images)


def test_images_and_the_part_that_a_network_sees_shrink_alike() -> None:
    ramp = torch.arange(0, 240, 10, dtype=torch.uint8).expand(2, 1, 16, 24)
    split = Split(ramp, torch.tensor([0, 1]))
    parts = {"train": split, "validation": split, "test": split, "class_names": ("a", "b")}
    small = reduced(ImageSplits.of("s", **parts, size=(8, 12)), resolution=4)
    assert small.input_shape == (1, 4, 6)
    assert small.test.images.shape == (2, 1, 8, 12)
    seen = central_crop(small.train.images, small.size)[0, 0, 0]
    # the 12 middle columns of the ramp, 60 to 170, in pairs
    assert seen.tolist() == pytest.approx([65, 85, 105, 125, 145, 165], abs=1)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"train_images": 301}, "train_images=301 exceeds the 300 images of the train split"),
        ({"train_images": 9}, "9 of 300 images with 10 classes"),
        ({"resolution": 9}, "resolution=9 exceeds the 8 pixels of the images' shorter side"),
    ],
)
def test_what_is_not_there_is_refused(
    digits: ImageSplits, settings: dict[str, int], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        reduced(digits, **settings)
