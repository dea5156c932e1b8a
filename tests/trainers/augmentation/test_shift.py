from __future__ import annotations

import pytest
import torch

from tests.trainers.augmentation.augmented import augmented, random_images
from trainers.augmentation.draws import ImageDraws
from trainers.augmentation.settings import Augmentation
from trainers.augmentation.shift import RandomShift
from trainers.augmentation.warp import RandomWarp


def test_flip_mirrors_about_half_the_images() -> None:
    images = random_images()
    result = augmented(images, horizontal_flip=True)
    kept = (result == images).flatten(1).all(dim=1)
    mirrored = (result == images.flip(3)).flatten(1).all(dim=1)
    assert torch.all(kept ^ mirrored)
    assert 16 <= int(kept.sum()) <= 48


def test_crop_shifts_by_whole_pixels_and_fills_with_black() -> None:
    images = random_images()
    result = augmented(images, crop_padding_pixels=2)
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2))
    offsets = [(y, x) for y in range(5) for x in range(5)]
    matches = [
        [
            offset
            for offset in offsets
            if torch.allclose(
                image, pad[:, offset[0] : offset[0] + 7, offset[1] : offset[1] + 10], atol=1e-4
            )
        ]
        for image, pad in zip(result, padded, strict=True)
    ]
    assert all(len(offsets_of_one) == 1 for offsets_of_one in matches)
    assert {y for [(y, _)] in matches} == {x for [(_, x)] in matches} == set(range(5))


def test_crop_shifts_are_equally_likely() -> None:
    images = torch.zeros(2000, 1, 5, 5)
    images[:, :, 2, 2] = 1
    result = augmented(images, crop_padding_pixels=1)
    counts = result.round().sum(dim=0)[0, 1:4, 1:4]
    assert counts.sum() == 2000
    assert torch.all((counts - 2000 / 9).abs() < 60)


@pytest.mark.parametrize(
    "settings",
    [
        {"horizontal_flip": True},
        {"crop_padding_pixels": 3},
        {"horizontal_flip": True, "crop_padding_pixels": 1},
    ],
)
@pytest.mark.parametrize("size", [(7, 10), (6, 10), (4, 5)])
def test_pixels_move_as_by_the_warp(settings: dict[str, object], size: tuple[int, int]) -> None:
    images, draws = random_images(), ImageDraws.of(0, 0, torch.arange(64))
    augmentation = Augmentation.model_validate(settings)
    result = RandomShift(augmentation, size)(images, draws)
    assert result.shape == (64, 3, *size)
    assert torch.allclose(result, RandomWarp(augmentation, size)(images, draws), atol=1e-4)
