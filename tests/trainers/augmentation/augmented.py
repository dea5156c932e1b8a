"""Images, and their augmentation by settings."""

from __future__ import annotations

import torch

from trainers.augmentation.augment import build_augmentation
from trainers.augmentation.draws import ImageDraws
from trainers.augmentation.settings import Augmentation


def random_images(
    count: int = 64, channels: int = 3, size: tuple[int, int] = (7, 10)
) -> torch.Tensor:
    """Return images of 8-bit values, [count, channels, *size], in 0..1."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, channels, *size), generator=generator) / 255


def augmented(
    images: torch.Tensor,
    *,
    seed: int = 0,
    epoch: int = 0,
    positions: torch.Tensor | None = None,
    size: tuple[int, int] | None = None,
    **settings: object,
) -> torch.Tensor:
    """Return images [B, C, H, W] augmented; their positions are 0..B-1, their size stays."""
    augment = build_augmentation(
        Augmentation.model_validate(settings), size or (images.shape[2], images.shape[3])
    )
    if positions is None:
        positions = torch.arange(len(images))
    return augment(images, ImageDraws.of(seed, epoch, positions))
