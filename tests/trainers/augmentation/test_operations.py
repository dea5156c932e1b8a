"""Each operation is Pillow's, up to the rounding to 8 bits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from tests.trainers.augmentation.augmented import random_images
from trainers.augmentation.operations import Operation, apply_operations

Reference = Callable[[Image.Image], Image.Image]


def applied(images: torch.Tensor, operation: Operation, amount: float) -> torch.Tensor:
    operations = torch.full((len(images),), int(operation))
    return apply_operations(images, operations, torch.full((len(images),), amount))


def levels(images: torch.Tensor, reference: Reference) -> torch.Tensor:
    """Return what Pillow makes of images [B, 1 or 3, H, W], as 8-bit levels of the same shape."""
    results = []
    for image in (images * 255).round().byte().permute(0, 2, 3, 1).numpy():
        picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
        result = np.asarray(reference(picture), np.float32)
        results.append(torch.from_numpy(result.reshape(image.shape).copy()))
    return torch.stack(results).permute(0, 3, 1, 2)


@pytest.fixture(params=[1, 3], ids=["grey", "colour"])
def images(request: pytest.FixtureRequest) -> torch.Tensor:
    """Random images with a black edge of 6 pixels, [4, C, 29, 33]."""
    return torch.nn.functional.pad(random_images(4, request.param, (17, 21)), (6, 6, 6, 6))


@pytest.mark.parametrize("amount", [-0.9, -0.3, 0.0, 0.4, 0.99])
@pytest.mark.parametrize(
    ("operation", "enhancer", "tolerance"),
    [
        (Operation.BRIGHTNESS, ImageEnhance.Brightness, 1.01),
        (Operation.COLOUR, ImageEnhance.Color, 2.01),
        (Operation.CONTRAST, ImageEnhance.Contrast, 2.01),
        (Operation.SHARPNESS, ImageEnhance.Sharpness, 2.01),
    ],
)
def test_enhancements(
    images: torch.Tensor,
    operation: Operation,
    enhancer: Callable[[Image.Image], ImageEnhance.Brightness],
    tolerance: float,
    amount: float,
) -> None:
    expected = levels(images, lambda picture: enhancer(picture).enhance(1 + amount))
    result = applied(images, operation, amount) * 255
    assert (result - expected).abs().max() < tolerance


@pytest.mark.parametrize("dropped", [0, 1, 3, 4, 6])
def test_posterize(images: torch.Tensor, dropped: int) -> None:
    expected = levels(images, lambda picture: ImageOps.posterize(picture, 8 - dropped))
    assert torch.allclose(applied(images, Operation.POSTERIZE, dropped + 0.3) * 255, expected)


@pytest.mark.parametrize("magnitude", [0, 1, 10, 17, 30])
def test_solarize(images: torch.Tensor, magnitude: int) -> None:
    amount = 255 * magnitude / 30
    expected = levels(images, lambda picture: ImageOps.solarize(picture, 255 - amount))
    assert torch.allclose(applied(images, Operation.SOLARIZE, amount) * 255, expected, atol=1e-3)


def test_equalize(images: torch.Tensor) -> None:
    images = images[:, :, 6:-6, 6:-6] ** 2
    images = (images * 255).round() / 255
    expected = levels(images, ImageOps.equalize)
    assert torch.allclose(applied(images, Operation.EQUALIZE, 0) * 255, expected, atol=1e-3)


def test_autocontrast(images: torch.Tensor) -> None:
    images = ((0.2 + images * 0.5) * 255).round() / 255
    images[0, 0] = 0.6
    expected = levels(images, ImageOps.autocontrast)
    result = applied(images, Operation.AUTOCONTRAST, 0) * 255
    assert (result - expected).abs().max() < 1.01


@pytest.mark.parametrize("amount", [-0.3, 0.15, 0.99])
@pytest.mark.parametrize("operation", [Operation.SHEAR_X, Operation.SHEAR_Y])
def test_shears(images: torch.Tensor, operation: Operation, amount: float) -> None:
    # Pillow's coefficients say where a pixel of the result comes from
    x, y = (-amount, 0) if operation is Operation.SHEAR_X else (0, -amount)

    def sheared(picture: Image.Image) -> Image.Image:
        return picture.transform(
            picture.size,
            Image.Transform.AFFINE,
            (1, x, 0, y, 1, 0),
            Image.Resampling.BILINEAR,
        )

    result = applied(images, operation, amount) * 255
    assert (result - levels(images, sheared)).abs().max() < 1.5


@pytest.mark.parametrize("degrees", [-135.0, -20.0, 7.0, 90.0])
def test_rotation(images: torch.Tensor, degrees: float) -> None:
    expected = levels(images, lambda picture: picture.rotate(-degrees, Image.Resampling.BILINEAR))
    assert (applied(images, Operation.ROTATE, degrees) * 255 - expected).abs().max() < 1.5


@pytest.mark.parametrize("shift", [-32.0, -4.6, 3.0, 10.9])
def test_translations_are_whole(images: torch.Tensor, shift: float) -> None:
    for operation, axis in ((Operation.TRANSLATE_X, 3), (Operation.TRANSLATE_Y, 2)):
        side, whole = images.shape[axis], int(shift)
        expected = torch.zeros_like(images)
        kept = max(side - abs(whole), 0)
        source = images.narrow(axis, max(-whole, 0) if kept else 0, kept)
        expected.narrow(axis, max(whole, 0) if kept else 0, kept).copy_(source)
        assert torch.allclose(applied(images, operation, shift), expected, atol=1e-4)


def test_identity_and_colour_of_grey_images_change_nothing() -> None:
    images = random_images(3, 1)
    assert torch.equal(applied(images, Operation.IDENTITY, 0), images)
    assert torch.equal(applied(images, Operation.COLOUR, 0.9), images)
    tiny = random_images(3, 3, (2, 5))
    assert torch.equal(applied(tiny, Operation.SHARPNESS, 0.9), tiny)


@pytest.mark.parametrize("operation", [Operation.POSTERIZE, Operation.SOLARIZE, Operation.EQUALIZE])
def test_levels_that_a_warp_shifted_by_rounding_count_as_the_levels(operation: Operation) -> None:
    images = torch.arange(256.0).view(1, 1, 16, 16) / 255
    amount = {Operation.POSTERIZE: 4.0, Operation.SOLARIZE: 127.0}.get(operation, 0.0)
    expected = applied(images, operation, amount)
    for shift in (-1e-6, 1e-6):
        shifted = (images + shift).clamp(0, 1)
        assert torch.allclose(applied(shifted, operation, amount), expected, atol=1e-5)


def test_every_image_has_its_own_operation_and_amount() -> None:
    images = random_images(len(Operation) * 3, size=(12, 12))
    operations = torch.arange(len(images)) % len(Operation)
    amounts = torch.linspace(0, 0.8, len(images))
    together = apply_operations(images, operations, amounts)
    for image, operation, amount, result in zip(
        images, operations.tolist(), amounts.tolist(), together, strict=True
    ):
        alone = applied(image[None], Operation(operation), amount)[0]
        assert torch.allclose(result, alone, atol=1e-6)
