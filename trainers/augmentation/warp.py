"""Random changes to images, on the device, in batches.

All geometric changes (flip, crop, rotation, translation, zoom, shear) are one matrix an image and
one bilinear warp: resampling once blurs less than resampling for each, and costs one call.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import nn

from trainers.settings import Settings


class Augmentation(Settings):
    """Random changes of train images; the default changes nothing.

    Each image draws its own values, uniformly from the ranges given. What is shifted in from
    outside an image is black (0).
    """

    rotation_degrees: float = Field(default=0, ge=0, le=180)
    """Largest rotation, in either direction. Unit: degrees."""
    translation_fraction: float = Field(default=0, ge=0, le=1)
    """Largest shift, as a fraction of height and width, in either direction."""
    scale_fraction: float = Field(default=0, ge=0, lt=1)
    """Zoom by a factor between 1 - fraction and 1 + fraction."""
    shear_degrees: float = Field(default=0, ge=0, lt=90)
    """Largest shear along each axis, in either direction. Unit: degrees."""
    horizontal_flip: bool = False
    """Mirror every second image, left for right."""
    crop_padding_pixels: int = Field(default=0, ge=0)
    """Largest shift by whole pixels, in either direction: CIFAR's padding and random crop. Unit:
    pixels."""
    erasing_probability: float = Field(default=0, ge=0, le=1)
    """Fraction of images in which a rectangle of 2 % to 33 % of the area becomes black."""
    noise_std: float = Field(default=0, ge=0)
    """Standard deviation of Gaussian noise, for pixel values from 0 to 1."""
    brightness_fraction: float = Field(default=0, ge=0, le=1)
    """Multiply brightness by a factor between 1 - fraction and 1 + fraction."""
    contrast_fraction: float = Field(default=0, ge=0, le=1)
    """Multiply the distance from the image's mean by a factor between 1 - fraction and 1 +
    fraction."""
    mixup_alpha: float = Field(default=0, ge=0)
    """Both parameters of the Beta distribution of mixup (Zhang et al. 2017); 0 does not mix."""


def build_augmentation(config: Augmentation) -> nn.Module:
    """Return a module that augments float images [B, C, H, W] in 0..1; shape and range stay.

    It draws from torch's global generators, so run it under a seed. It has no parameters and does
    the same in training and evaluation mode. Mixup is not part of it, since it changes labels.
    """
    steps: list[nn.Module] = []
    if _is_geometric(config):
        steps.append(RandomWarp(config))
    if config.brightness_fraction or config.contrast_fraction or config.noise_std:
        steps.append(RandomIntensity(config))
    if config.erasing_probability:
        from kornia.augmentation import RandomErasing  # noqa: PLC0415 (slow to import)

        steps.append(RandomErasing(p=config.erasing_probability))
    return nn.Sequential(*steps)


def _is_geometric(config: Augmentation) -> bool:
    return bool(
        config.rotation_degrees
        or config.translation_fraction
        or config.scale_fraction
        or config.shear_degrees
        or config.horizontal_flip
        or config.crop_padding_pixels
    )


class RandomWarp(nn.Module):
    """Every geometric change of :class:`Augmentation` in one warp, on images [B, C, H, W]."""

    def __init__(self, config: Augmentation) -> None:
        super().__init__()
        self.config = config

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Warp each image by its own random matrix, zeros outside, bilinear."""
        from kornia.geometry.transform import warp_affine  # noqa: PLC0415 (slow to import)

        height, width = images.shape[2:]
        return warp_affine(images, self._matrices(images)[:, :2], (height, width))

    def _matrices(self, images: torch.Tensor) -> torch.Tensor:
        """Return [B, 3, 3]: where a source pixel (x, y, 1) of each image goes."""
        from kornia.geometry.transform import get_affine_matrix2d  # noqa: PLC0415

        config, (batch, _, height, width) = self.config, images.shape
        # columns of the draws, each in -1..1: x, y shift; zoom; angle; x, y shear; x, y crop; flip
        draws = torch.rand(batch, 9, device=images.device) * 2 - 1
        size = draws.new_tensor([width, height])
        padding = config.crop_padding_pixels
        # the 2p + 1 whole shifts -p..p are equally likely
        crop = (draws[:, 6:8] * (padding + 0.5)).round().clamp(-padding, padding)
        shift = draws[:, 0:2] * config.translation_fraction * size + crop
        scale = (1 + config.scale_fraction * draws[:, 2:3]).expand(-1, 2)
        shear = torch.deg2rad(draws[:, 4:6] * config.shear_degrees)
        matrices = get_affine_matrix2d(
            shift,
            ((size - 1) / 2).expand(batch, 2),
            scale,
            draws[:, 3] * config.rotation_degrees,
            shear[:, 0],
            shear[:, 1],
        )
        if config.horizontal_flip:
            # mirror the source first: x becomes width - 1 - x
            mirrored = draws[:, 8] < 0
            flips = torch.eye(3, device=images.device).repeat(batch, 1, 1)
            flips[mirrored, 0, 0] = -1
            flips[mirrored, 0, 2] = width - 1
            matrices = matrices @ flips
        return matrices


class RandomIntensity(nn.Module):
    """Contrast, brightness and noise, in this order, then clamped to 0..1. Images [B, C, H, W]."""

    def __init__(self, config: Augmentation) -> None:
        super().__init__()
        self.config = config

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Change each image by its own random factors."""
        config = self.config
        draws = torch.rand(2, len(images), 1, 1, 1, device=images.device) * 2 - 1
        if config.contrast_fraction:
            mean = images.mean(dim=(1, 2, 3), keepdim=True)
            images = mean + (images - mean) * (1 + config.contrast_fraction * draws[0])
        if config.brightness_fraction:
            images = images * (1 + config.brightness_fraction * draws[1])
        if config.noise_std:
            images = images + config.noise_std * torch.randn_like(images)
        return images.clamp(0, 1)
