"""Random contrast, brightness, saturation, hue and noise."""

from __future__ import annotations

import math

import torch
from kornia.enhance import (
    adjust_brightness_accumulative,
    adjust_contrast_with_mean_subtraction,
    adjust_hue,
    adjust_saturation_with_gray_subtraction,
)

from trainers.augmentation.draws import ImageDraws, Use
from trainers.augmentation.settings import Augmentation


class RandomIntensity:
    """The changes of values of :class:`Augmentation`, each clamped to 0..1.

    Contrast is the distance from the mean luminance, saturation the distance from the luminance of
    the pixel (ITU-R BT.601), and hue the angle of HSV, as in Pillow and torchvision.

    Args:
        settings: the keys from ``contrast_fraction`` to ``noise_std`` count.
    """

    def __init__(self, settings: Augmentation) -> None:
        self._settings = settings

    def __call__(self, images: torch.Tensor, draws: ImageDraws) -> torch.Tensor:
        """Return the images [B, C, H, W], in 0..1, each changed by its own random factors."""
        settings = self._settings
        contrast, brightness = (2 * draws.uniform(Use.INTENSITY, 2) - 1).unbind(dim=1)
        saturation, hue = (2 * draws.uniform(Use.COLOUR, 2) - 1).unbind(dim=1)
        if settings.contrast_fraction:
            factors = 1 + settings.contrast_fraction * contrast
            images = adjust_contrast_with_mean_subtraction(images, factors)
        if settings.brightness_fraction:
            factors = 1 + settings.brightness_fraction * brightness
            images = adjust_brightness_accumulative(images, factors)
        if settings.saturation_fraction:
            factors = 1 + settings.saturation_fraction * saturation
            images = adjust_saturation_with_gray_subtraction(images, factors)
        if settings.hue_fraction:
            images = adjust_hue(images, 2 * math.pi * settings.hue_fraction * hue)
        if settings.noise_std:
            noise = draws.normal(Use.NOISE, images[0].numel()).view_as(images)
            images = (images + settings.noise_std * noise).clamp(0, 1)
        return images
