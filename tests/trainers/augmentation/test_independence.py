"""The augmentation of an image depends on seed, epoch and image alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.trainers.augmentation.augmented import augmented, random_images
from trainers.augmentation.settings import Augmentation

EACH: dict[str, dict[str, object]] = {
    "resized_crop": {"resized_crop": {}},
    "scale_jitter": {"scale_jitter": {}},
    "horizontal_flip": {"horizontal_flip": True},
    "crop_padding_pixels": {"crop_padding_pixels": 2},
    "rotation_degrees": {"rotation_degrees": 20},
    "translation_fraction": {"translation_fraction": 0.2},
    "scale_fraction": {"scale_fraction": 0.2},
    "shear_degrees": {"shear_degrees": 10},
    "rand_augment": {"policy": {"name": "rand_augment", "operations": 3}},
    "trivial_augment": {"policy": {"name": "trivial_augment"}},
    "contrast_fraction": {"contrast_fraction": 0.5},
    "brightness_fraction": {"brightness_fraction": 0.5},
    "saturation_fraction": {"saturation_fraction": 0.5},
    "hue_fraction": {"hue_fraction": 0.2},
    "noise_std": {"noise_std": 0.1},
    "erasing_probability": {"erasing_probability": 0.5},
}
EVERYTHING = {
    key: value
    for name, one in EACH.items()
    if "augment" not in name and name != "scale_jitter"  # in place of resized_crop
    for key, value in one.items()
}
CASES = {
    **EACH,
    "everything with rand_augment": EVERYTHING | EACH["rand_augment"],
    "everything with trivial_augment": EVERYTHING | EACH["trivial_augment"],
}
ONCE_IN_A_WHILE = {"horizontal_flip", "erasing_probability", "rand_augment", "trivial_augment"}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_key_is_among_the_cases() -> None:
    keys = {key for one in EACH.values() for key in one}
    assert keys == set(Augmentation.model_fields) - {"mixup_alpha", "cutmix_alpha"}


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_do_not_depend_on_the_batch(case: str, channels: int) -> None:
    """They are equal bit for bit on a CPU."""
    settings = CASES[case]
    if channels == 1:
        settings = {
            key: value
            for key, value in settings.items()
            if key not in {"saturation_fraction", "hue_fraction"}
        }
    images = random_images(90, channels)
    whole = augmented(images, **settings)
    order = torch.from_numpy(np.random.default_rng(0).permutation(90))
    parts = torch.cat(
        [
            augmented(images[positions], positions=positions, **settings)
            for positions in order.split([1, 2, 30, 7, 50])
        ]
    )
    assert torch.equal(parts, whole[order])


def test_seed_and_epoch_decide(case: str) -> None:
    images = random_images()
    first = augmented(images, **CASES[case])
    assert torch.equal(first, augmented(images, **CASES[case]))
    assert not torch.equal(first, augmented(images, seed=1, **CASES[case]))
    assert not torch.equal(first, augmented(images, epoch=1, **CASES[case]))


def test_each_image_changes_in_its_own_way_and_its_source_stays(case: str) -> None:
    image = random_images(1, size=(12, 12))
    images = image.repeat(64, 1, 1, 1)
    result = augmented(images, **CASES[case])
    assert torch.equal(images, image.expand(64, -1, -1, -1))
    assert result.shape == images.shape
    assert result.dtype == torch.float32
    assert 0 <= result.min() < result.max() <= 1
    kinds = len(result.flatten(1).unique(dim=0))
    assert kinds == 64 or (case in ONCE_IN_A_WHILE | {"crop_padding_pixels"} and kinds >= 2)


def test_no_global_generator_is_drawn_from(case: str) -> None:
    images = random_images(8)
    state = torch.random.get_rng_state()
    numpy_state = np.random.get_state()[1]
    augmented(images, **CASES[case])
    assert torch.equal(torch.random.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)


def test_autocast_does_not_reach_inside() -> None:
    images = random_images(16, size=(16, 16))
    settings = CASES["everything with rand_augment"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under_autocast = augmented(images, **settings)
    assert torch.equal(under_autocast, augmented(images, **settings))


def test_default_changes_nothing_and_crops_larger_images_at_the_centre() -> None:
    images = random_images(size=(9, 12))
    assert torch.equal(augmented(images), images)
    assert torch.equal(augmented(images, size=(6, 8)), images[:, :, 1:7, 2:10])
    shifted = augmented(images, size=(6, 8), crop_padding_pixels=1)
    inner = images[:, :, 1:7, 2:10]
    unmoved = torch.isclose(shifted, inner, atol=1e-4).flatten(1).all(dim=1)
    assert 1 <= int(unmoved.sum()) <= 20


@pytest.mark.parametrize("settings", [{}, {"horizontal_flip": True}])
def test_images_smaller_than_the_result_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"got \[7, 10\] for \[8, 8\]"):
        augmented(random_images(2), size=(8, 8), **settings)
