from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from tests.trainers.augmentation.augmented import augmented, random_images


def test_brightness_is_a_factor_an_image() -> None:
    factors = augmented(torch.full((200, 3, 3, 3), 0.5), brightness_fraction=0.4) / 0.5
    assert torch.allclose(factors, factors[:, :1, :1, :1].expand_as(factors))
    assert 0.6 <= factors.min() < 0.65
    assert 1.35 < factors.max() <= 1.4


def test_contrast_keeps_the_mean_of_grey_images() -> None:
    images = 0.25 + random_images(channels=1) / 2
    result = augmented(images, contrast_fraction=0.4)
    dims = (1, 2, 3)
    assert torch.allclose(result.mean(dims), images.mean(dims), atol=1e-5)
    ratio = result.std(dims) / images.std(dims)
    assert 0.6 <= ratio.min() < 0.7
    assert 1.3 < ratio.max() <= 1.4001


@pytest.mark.parametrize(
    ("key", "enhancer"),
    [("contrast_fraction", ImageEnhance.Contrast), ("saturation_fraction", ImageEnhance.Color)],
)
def test_colour_images_change_as_in_pillow(
    key: str, enhancer: type[ImageEnhance.Contrast] | type[ImageEnhance.Color]
) -> None:
    images = 0.3 + random_images(8) * 0.4
    changed = augmented(images, **{key: 0.5})
    for image, result in zip(images, changed, strict=True):
        picture = Image.fromarray((image.permute(1, 2, 0) * 255).round().byte().numpy())
        enhanced = [np.array(enhancer(picture).enhance(0.5 + step / 50)) for step in range(51)]
        levels = result.permute(1, 2, 0).numpy() * 255
        assert min(np.abs(levels - candidate).max() for candidate in enhanced) < 2.5


def test_hue_turns_and_saturation_and_value_stay() -> None:
    images = torch.tensor([0.8, 0.4, 0.3])[:, None, None].expand(300, 3, 2, 2)
    before = colorsys.rgb_to_hsv(0.8, 0.4, 0.3)
    hues, saturations, values = zip(
        *(
            colorsys.rgb_to_hsv(*pixel)
            for pixel in augmented(images, hue_fraction=0.1)[:, :, 0, 1].tolist()
        ),
        strict=True,
    )
    turns = torch.tensor([(hue - before[0] + 0.5) % 1 - 0.5 for hue in hues])
    assert -0.1001 <= turns.min() < -0.09
    assert 0.09 < turns.max() <= 0.1001
    assert abs(turns.mean()) < 0.015
    assert saturations == pytest.approx([before[1]] * 300, abs=1e-4)
    assert values == pytest.approx([before[2]] * 300, abs=1e-4)


def test_noise_has_the_standard_deviation_asked_for() -> None:
    result = augmented(torch.full((100, 1, 20, 20), 0.5), noise_std=0.05)
    assert result.std().item() == pytest.approx(0.05, rel=0.02)
    assert result.mean().item() == pytest.approx(0.5, abs=0.001)
    pixels = (result[:, 0] - 0.5).flatten(1)
    neighbours = (pixels[:, 1:] * pixels[:, :-1]).mean() / 0.05**2
    images = (pixels[1:] * pixels[:-1]).mean() / 0.05**2
    assert abs(neighbours) < 0.02
    assert abs(images) < 0.02
