"""mixup (Zhang et al. 2018, https://arxiv.org/abs/1710.09412).

Differs from the paper's code in drawing one share an image, not one a batch.
"""

from __future__ import annotations

import torch


def mixup(
    images: torch.Tensor, labels: torch.Tensor, *, alpha: float, classes: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mix every image and label with those of a random partner.

    The share of the first is drawn from Beta(alpha, alpha), with torch's global generators.

    Args:
        images: [B, C, H, W], floating.
        labels: [B], int64, in 0..classes-1.
        alpha: above 0; small values mix little.
        classes: number of classes.

    Returns:
        mixed images [B, C, H, W], and class probabilities [B, classes], float32.
    """
    batch = len(images)
    concentration = images.new_tensor(alpha, dtype=torch.float32)
    share = torch.distributions.Beta(concentration, concentration).sample((batch,))
    partner = torch.randperm(batch, device=images.device)
    targets = torch.nn.functional.one_hot(labels, classes).float()
    mixed = torch.lerp(images[partner], images, share.to(images.dtype)[:, None, None, None])
    return mixed, torch.lerp(targets[partner], targets, share[:, None])
