from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch

from tests.trainers.augmentation.augmented import augmented, random_images
from trainers.augmentation.affine import affine, warp
from trainers.augmentation.draws import ImageDraws
from trainers.augmentation.settings import Augmentation
from trainers.augmentation.warp import RandomWarp

SIZE = (7, 10)
KEYS: dict[str, object] = {
    "resized_crop": {"area": [0.3, 0.9]},
    "horizontal_flip": True,
    "crop_padding_pixels": 2,
    "rotation_degrees": 40,
    "translation_fraction": 0.2,
    "scale_fraction": 0.3,
    "shear_degrees": 15,
}
"""In the order of the settings."""


def maps(**settings: object) -> npt.NDArray[np.float64]:
    """Return the maps of 40 images of SIZE, [40, 3, 3]."""
    draws = ImageDraws.of(0, 0, torch.arange(40))
    warper = RandomWarp(Augmentation.model_validate(settings), SIZE)
    return warper.maps(draws, SIZE).double().numpy()


def sampled(
    image: npt.NDArray[np.float64], matrix: npt.NDArray[np.float64], size: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """Return one channel [H, W] moved by a map, pixel by pixel; bilinear, 0 outside."""
    inverse = np.linalg.inv(matrix)
    result = np.zeros(size)
    for row in range(size[0]):
        for column in range(size[1]):
            x, y, _ = inverse @ (column, row, 1)
            for i in (math.floor(y), math.floor(y) + 1):
                for j in (math.floor(x), math.floor(x) + 1):
                    if 0 <= i < image.shape[0] and 0 <= j < image.shape[1]:
                        result[row, column] += image[i, j] * (1 - abs(y - i)) * (1 - abs(x - j))
    return result


@pytest.mark.parametrize("size", [(7, 10), (5, 12), (9, 4)])
def test_warp_samples_bilinearly(size: tuple[int, int]) -> None:
    images = random_images(6, 2)
    entries = torch.randn(6, 6, generator=torch.Generator().manual_seed(1)) * 0.4
    entries += torch.tensor([1.0, 0, 1, 0, 1, -1])
    matrices = affine(*entries.unbind(dim=1))
    result = warp(images, matrices, size)
    for image, matrix, moved in zip(images, matrices, result, strict=True):
        for channel, moved_channel in zip(image, moved, strict=True):
            expected = sampled(channel.double().numpy(), matrix.double().numpy(), size)
            assert moved_channel.numpy() == pytest.approx(expected, abs=1e-4)


def test_maps_of_several_keys_are_those_of_each_in_order() -> None:
    together = np.eye(3)
    for key, value in KEYS.items():
        together = maps(**{key: value}) @ together
    assert maps(**KEYS) == pytest.approx(together, abs=1e-4)


def test_images_are_warped_by_their_maps() -> None:
    images = random_images(40, 1)
    result = augmented(images, **KEYS)
    for image, matrix, moved in zip(images[:5], maps(**KEYS), result, strict=False):
        expected = sampled(image[0].double().numpy(), matrix, SIZE)
        assert moved[0].numpy() == pytest.approx(expected, abs=1e-4)


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
