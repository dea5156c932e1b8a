from __future__ import annotations

import pytest
import torch

from tests.trainers.augmentation.augmented import random_images
from trainers.augmentation.draws import ImageDraws
from trainers.augmentation.operations import Operation, apply_operations
from trainers.augmentation.policy import RandomPolicy
from trainers.augmentation.settings import RandAugment, TrivialAugment

UNSIGNED = {
    Operation.IDENTITY,
    Operation.POSTERIZE,
    Operation.SOLARIZE,
    Operation.AUTOCONTRAST,
    Operation.EQUALIZE,
}


def draws(count: int = 20_000) -> ImageDraws:
    return ImageDraws.of(0, 0, torch.arange(count))


def amounts_by_operation(policy: RandomPolicy) -> dict[Operation, torch.Tensor]:
    operations, amounts = policy.drawn(draws(), 0)
    return {operation: amounts[operations == operation] for operation in Operation}


@pytest.mark.parametrize("settings", [RandAugment(), TrivialAugment()])
def test_operations_and_signs_are_equally_likely(settings: RandAugment | TrivialAugment) -> None:
    policy = RandomPolicy(settings, (32, 32))
    amounts = amounts_by_operation(policy)
    counts = torch.tensor([len(amounts[operation]) for operation in Operation])
    mean = 20_000 / len(Operation)
    # 13 degrees of freedom: 34.5 is exceeded once in a thousand
    assert ((counts - mean) ** 2 / mean).sum() < 34.5
    for operation, drawn in amounts.items():
        negative = (drawn < 0).sum() / (drawn != 0).sum()
        if operation in UNSIGNED:
            assert drawn.min() >= 0
        else:
            assert 0.45 < negative < 0.55


@pytest.mark.parametrize(
    ("magnitude", "expected"),
    [
        # worked out from the largest amounts by hand, for images of 331 x 662 pixels
        (9, {"SHEAR_X": 0.09, "TRANSLATE_X": 90, "TRANSLATE_Y": 45, "ROTATE": 9, "COLOUR": 0.27}),
        (30, {"SHEAR_Y": 0.3, "ROTATE": 30, "CONTRAST": 0.9, "POSTERIZE": 4, "SOLARIZE": 255}),
        (10, {"SHARPNESS": 0.3, "BRIGHTNESS": 0.3, "SOLARIZE": 85, "AUTOCONTRAST": 0}),
        (0, {"ROTATE": 0, "SOLARIZE": 0, "POSTERIZE": 0}),
    ],
)
def test_rand_augment_has_one_magnitude(magnitude: int, expected: dict[str, float]) -> None:
    policy = RandomPolicy(RandAugment(magnitude=magnitude), (331, 662))
    amounts = amounts_by_operation(policy)
    for name, amount in expected.items():
        drawn = amounts[Operation[name]].abs()
        assert torch.allclose(drawn, torch.full_like(drawn, amount))


def test_trivial_augment_draws_the_magnitude_of_31() -> None:
    amounts = amounts_by_operation(RandomPolicy(TrivialAugment(), (8, 8)))
    largest = {
        "SHEAR_X": 0.99,
        "TRANSLATE_Y": 32,
        "ROTATE": 135,
        "SHARPNESS": 0.99,
        "SOLARIZE": 255,
    }
    for name, amount in largest.items():
        magnitudes = amounts[Operation[name]].abs() / amount * 30
        assert torch.allclose(magnitudes, magnitudes.round(), atol=1e-4)
        counts = magnitudes.round().long().bincount(minlength=31)
        mean = len(magnitudes) / 31
        # 30 degrees of freedom: 59.7 is exceeded once in a thousand
        assert ((counts - mean) ** 2 / mean).sum() < 59.7
    assert set(amounts[Operation.POSTERIZE].round().tolist()) == {0, 1, 2, 3, 4, 5, 6}


def test_operations_follow_each_other_and_are_drawn_anew() -> None:
    images, some = random_images(300), draws(300)
    policy = RandomPolicy(RandAugment(operations=2, magnitude=20), (7, 10))
    first, second = policy.drawn(some, 0), policy.drawn(some, 1)
    assert 5 < int((first[0] == second[0]).sum()) < 45  # 1 in 14
    expected = apply_operations(apply_operations(images, *first), *second)
    assert torch.equal(policy(images, some), expected)
