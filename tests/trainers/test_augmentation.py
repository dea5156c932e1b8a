from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError

from trainers import Augmentation, build_augmentation
from trainers.data.mixup import mixup


def augmented(images: torch.Tensor, seed: int = 0, **settings: object) -> torch.Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_augmentation(Augmentation(**settings))(images)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(64, 3, 7, 10, generator=torch.Generator().manual_seed(0))


EVERYTHING = {
    "rotation_degrees": 20,
    "translation_fraction": 0.2,
    "scale_fraction": 0.2,
    "shear_degrees": 10,
    "horizontal_flip": True,
    "crop_padding_pixels": 2,
    "erasing_probability": 0.5,
    "noise_std": 0.1,
    "brightness_fraction": 0.5,
    "contrast_fraction": 0.5,
}


def test_default_changes_nothing(images: torch.Tensor) -> None:
    assert torch.equal(augmented(images), images)


def test_shape_and_range_are_kept_and_the_input_too(images: torch.Tensor) -> None:
    before = images.clone()
    result = augmented(images, **EVERYTHING)
    assert torch.equal(images, before)
    assert result.shape == images.shape
    assert result.dtype == images.dtype
    assert 0 <= result.min() < result.max() <= 1
    # every image is changed, each in its own way
    assert (result - images).abs().flatten(1).amax(dim=1).min() > 0.01
    one = augmented(images[:1].repeat(64, 1, 1, 1), **EVERYTHING)
    assert len(one.flatten(1).unique(dim=0)) == 64


def test_seed_decides(images: torch.Tensor) -> None:
    first = augmented(images, **EVERYTHING)
    assert torch.equal(first, augmented(images, **EVERYTHING))
    assert not torch.equal(first, augmented(images, seed=1, **EVERYTHING))


def test_flip_mirrors_about_half_the_images(images: torch.Tensor) -> None:
    result = augmented(images, horizontal_flip=True)
    kept = torch.isclose(result, images, atol=1e-5).flatten(1).all(dim=1)
    mirrored = torch.isclose(result, images.flip(3), atol=1e-5).flatten(1).all(dim=1)
    assert torch.all(kept ^ mirrored)
    assert 16 <= int(kept.sum()) <= 48


def test_crop_shifts_by_whole_pixels_and_fills_with_black(images: torch.Tensor) -> None:
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


def test_rotation_is_about_the_centre_and_within_its_limit() -> None:
    height, width = 21, 31
    images = torch.zeros(200, 1, height, width)
    images[:, :, 8:13, 24:27] = 1  # a bar ten pixels to the right of the centre
    result = augmented(images, rotation_degrees=30)
    y = torch.arange(height).float()[:, None] - (height - 1) / 2
    x = torch.arange(width).float() - (width - 1) / 2
    mass = result.sum(dim=(1, 2, 3))
    centre_y, centre_x = ((result[:, 0] * axis).sum(dim=(1, 2)) / mass for axis in (y, x))
    degrees = torch.rad2deg(torch.atan2(centre_y, centre_x))
    assert torch.hypot(centre_y, centre_x).tolist() == pytest.approx([10] * 200, abs=0.3)
    assert -31 < degrees.min() < -25
    assert 25 < degrees.max() < 31


def test_zoom_and_translation_move_a_point_within_their_limits() -> None:
    images = torch.zeros(200, 1, 41, 41)
    images[:, :, 20, 30] = 1

    def position(result: torch.Tensor) -> torch.Tensor:
        axis = torch.arange(41).float() - 20
        return (result[:, 0].sum(dim=1) * axis).sum(dim=1) / result.sum(dim=(1, 2, 3))

    zoomed = position(augmented(images, scale_fraction=0.2))
    assert 7.5 < zoomed.min() < 8.5
    assert 11.5 < zoomed.max() < 12.5
    shifted = position(augmented(images, translation_fraction=0.1)) - 10
    assert -4.2 < shifted.min() < -3.8
    assert 3.8 < shifted.max() < 4.2


def test_shear_tilts_a_line_about_the_centre() -> None:
    images = torch.zeros(200, 1, 21, 21)
    images[:, :, :, 10] = 1
    result = augmented(images, shear_degrees=20)[:, 0]
    assert torch.allclose(result[:, 10, 10], torch.ones(200), atol=1e-4)
    offsets = torch.arange(21).float() - 10
    line = (result * offsets).sum(dim=2) / result.sum(dim=2)
    slope = (line[:, 15] - line[:, 5]) / 10
    # both shears at their limits, of opposite signs: tan 20 / (1 - tan^2 20) = 0.42
    assert 0.33 < slope.abs().max() < 0.43


def test_brightness_is_a_factor_an_image() -> None:
    factors = augmented(torch.full((200, 2, 3, 3), 0.5), brightness_fraction=0.4) / 0.5
    assert torch.allclose(factors, factors[:, :1, :1, :1].expand_as(factors))
    assert 0.6 <= factors.min() < 0.65
    assert 1.35 < factors.max() <= 1.4


def test_contrast_keeps_the_mean(images: torch.Tensor) -> None:
    images = 0.25 + images / 2
    result = augmented(images, contrast_fraction=0.4)
    dims = (1, 2, 3)
    assert torch.allclose(result.mean(dims), images.mean(dims), atol=1e-5)
    ratio = result.std(dims) / images.std(dims)
    assert 0.6 <= ratio.min() < 0.7
    assert 1.3 < ratio.max() <= 1.4001


def test_noise_has_the_standard_deviation_asked_for() -> None:
    result = augmented(torch.full((100, 1, 20, 20), 0.5), noise_std=0.05)
    assert result.std().item() == pytest.approx(0.05, rel=0.02)
    assert result.mean().item() == pytest.approx(0.5, abs=0.001)


def test_erasing_blackens_one_rectangle_in_its_share_of_images() -> None:
    images = torch.ones(400, 2, 16, 16)
    result = augmented(images, erasing_probability=0.3)
    erased = (result == 0).flatten(1).any(dim=1)
    assert 80 <= int(erased.sum()) <= 160
    for image in result[erased][:20]:
        rows, columns = (image[0] == 0).any(dim=1), (image[0] == 0).any(dim=0)
        assert torch.equal(image[0] == 0, rows[:, None] & columns)
        assert torch.equal(image[0], image[1])


def test_mixup_is_the_same_mixture_of_images_and_labels() -> None:
    labels = torch.arange(50) % 5
    images = torch.nn.functional.one_hot(labels, 5).float()[:, :, None, None].expand(50, 5, 2, 2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        mixed, targets = mixup(images, labels, alpha=1.0, classes=5)
    assert torch.allclose(mixed, targets[:, :, None, None].expand_as(mixed))
    assert torch.allclose(targets.sum(dim=1), torch.ones(50))
    assert 10 < int((targets.max(dim=1).values < 0.9).sum()) < 50


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rotation_degrees", 181),
        ("scale_fraction", 1),
        ("shear_degrees", 90),
        ("horizontal_flip", 1),
        ("crop_padding_pixels", 0.5),
        ("erasing_probability", 1.1),
        ("noise_std", -0.1),
        ("noise_std", math.nan),
        ("mixup_alpha", -1),
    ],
)
def test_augmentation_refuses(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        Augmentation(**{field: value})
