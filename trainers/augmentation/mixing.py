"""Mixtures of the images of a group: mixup and cutmix.

mixup: Zhang et al. 2018, https://arxiv.org/abs/1710.09412. cutmix: Yun et al. 2019,
https://arxiv.org/abs/1905.04899. Both differ from the papers' code in drawing one share an image,
not one a batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from trainers.augmentation.settings import Augmentation


def mix(
    images: torch.Tensor,
    labels: torch.Tensor,
    settings: Augmentation,
    *,
    classes: int,
    seed: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mix every image and label of a group with those of a random partner in it.

    With both alphas the seed decides at even odds which of the two it is, for the whole group.

    Args:
        images: [B, C, H, W], floating.
        labels: [B], int64, in 0..classes-1.
        settings: with ``mixup_alpha`` or ``cutmix_alpha`` above 0.
        classes: number of classes.
        seed: of the group, 0 or more; all that is random follows from it.

    Returns:
        mixed images [B, C, H, W], and class probabilities [B, classes], float32.

    Raises:
        ValueError: both alphas are 0.
    """
    if not settings.mixes:
        raise ValueError("mixing needs mixup_alpha or cutmix_alpha above 0, got 0 for both")
    rng = np.random.default_rng(seed)
    cuts = settings.cutmix_alpha > 0 and (not settings.mixup_alpha or rng.random() < 0.5)
    partners = _tensor(rng.permutation(len(images)), images)
    if cuts:
        height, width = images.shape[2:]
        inside = _boxes(rng, settings.cutmix_alpha, len(images), (height, width))
        share = 1 - inside.mean(axis=(1, 2))
        mixed = torch.where(_tensor(inside, images)[:, None], images[partners], images)
    else:
        share = rng.beta(settings.mixup_alpha, settings.mixup_alpha, len(images))
        weight = _tensor(share, images).to(images.dtype)[:, None, None, None]
        mixed = torch.lerp(images[partners], images, weight)
    targets = torch.nn.functional.one_hot(labels, classes).float()
    return mixed, torch.lerp(targets[partners], targets, _tensor(share, images).float()[:, None])


def _boxes(
    rng: np.random.Generator, alpha: float, count: int, size: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """Return which pixels of each image are its partner's, [count, *size].

    A box has the image's ratio and a share of its area from Beta(alpha, alpha). Its centre is any
    pixel, and what lies outside the image is cut off, so that the share becomes smaller.
    """
    sides = np.sqrt(1 - rng.beta(alpha, alpha, count))
    intervals = []
    for side in size:
        length = np.floor(side * sides)[:, None]
        start = rng.integers(side, size=(count, 1)) - length // 2
        pixels = np.arange(side)
        intervals.append((start <= pixels) & (pixels < start + length))
    rows, columns = intervals
    return rows[:, :, None] & columns[:, None, :]


def _tensor(values: npt.NDArray[Any], images: torch.Tensor) -> torch.Tensor:
    """Return an array on the images' device, without waiting for it."""
    return torch.from_numpy(values).to(images.device, non_blocking=True)
