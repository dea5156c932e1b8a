from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from trainers.augmentation.settings import Augmentation


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
        ("cutmix_alpha", math.inf),
        ("hue_fraction", 0.6),
        ("resized_crop", {"area": [0.5, 0.2]}),
        ("resized_crop", {"ratio": [0, 1]}),
        ("policy", {"name": "rand_augment", "magnitude": 31}),
        ("policy", {"name": "auto_augment"}),
    ],
)
def test_augmentation_refuses(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        Augmentation.model_validate({field: value})


@pytest.mark.parametrize(
    ("settings", "channels", "message"),
    [
        ({"saturation_fraction": 0.2}, 1, "saturation_fraction.*got saturation_fraction=0.2, chan"),
        ({"hue_fraction": 0.1}, 1, "hue_fraction needs colour.*channels=1"),
        ({"policy": {"name": "trivial_augment"}}, 2, "policy=trivial_augment, channels=2"),
    ],
)
def test_changes_that_images_have_no_channels_for_are_refused(
    settings: dict[str, object], channels: int, message: str
) -> None:
    augmentation = Augmentation.model_validate(settings)
    with pytest.raises(ValueError, match=message):
        augmentation.check_fits(channels)
    augmentation.check_fits(3)


def test_grey_images_fit_everything_else() -> None:
    Augmentation.model_validate(
        {"policy": {"name": "rand_augment"}, "contrast_fraction": 0.5, "cutmix_alpha": 1}
    ).check_fits(1)
