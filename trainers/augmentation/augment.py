"""The augmentation of a recipe, image by image."""

from __future__ import annotations

from collections.abc import Callable

import torch

from trainers.augmentation.central_crop import central_crop
from trainers.augmentation.draws import ImageDraws
from trainers.augmentation.erasing import RandomErasing
from trainers.augmentation.settings import Augmentation
from trainers.augmentation.shift import RandomShift

Augment = Callable[[torch.Tensor, ImageDraws], torch.Tensor]
"""A function of float images [B, C, H, W] in 0..1 and their draws, whose result is such images."""


def build_augmentation(settings: Augmentation, size: tuple[int, int]) -> Augment:
    """Return the function that augments images; mixing them is not part of it.

    The function's result for an image depends on the image, its draws and the settings alone: not
    on the other images of the batch, and on no global generator. It leaves its argument as it is,
    though the result may share its memory where nothing changes. Autocast does not reach into it.
    Draws on the CPU spare a policy the wait for another device. It raises ``ValueError`` where
    images are smaller than ``size`` and there is no random crop to enlarge them.

    Args:
        settings: in the order of their keys.
        size: (height, width) of the results, in pixels; larger images are cropped centrally unless
            there is a ``resized_crop`` or ``scale_jitter``.
    """
    move = _moving(settings, size)
    policy = _policy(settings, size)
    intensity = _intensity(settings)
    probability = settings.erasing_probability
    erasing = RandomErasing(probability) if probability else None

    def augment(images: torch.Tensor, draws: ImageDraws) -> torch.Tensor:
        draws_here = draws.to(images.device)
        with torch.autocast(images.device.type, enabled=False):
            images = move(images, draws_here)
            if policy is not None:
                images = policy(images, draws)
            if intensity is not None:
                images = intensity(images, draws_here)
            if erasing is not None:
                images = erasing(images, draws_here)
        return images

    return augment


# kornia is slow to import, so each of these is imported where settings ask for it


def _moving(settings: Augmentation, size: tuple[int, int]) -> Augment:
    if (
        settings.crop is not None
        or settings.rotation_degrees
        or settings.translation_fraction
        or settings.scale_fraction
        or settings.shear_degrees
    ):
        from trainers.augmentation.warp import RandomWarp  # noqa: PLC0415

        return RandomWarp(settings, size)
    if settings.horizontal_flip or settings.crop_padding_pixels:
        return RandomShift(settings, size)
    return lambda images, draws: central_crop(images, size)


def _policy(settings: Augmentation, size: tuple[int, int]) -> Augment | None:
    if settings.policy is None:
        return None
    from trainers.augmentation.policy import RandomPolicy  # noqa: PLC0415

    return RandomPolicy(settings.policy, size)


def _intensity(settings: Augmentation) -> Augment | None:
    if not (
        settings.contrast_fraction
        or settings.brightness_fraction
        or settings.saturation_fraction
        or settings.hue_fraction
        or settings.noise_std
    ):
        return None
    from trainers.augmentation.intensity import RandomIntensity  # noqa: PLC0415

    return RandomIntensity(settings)
