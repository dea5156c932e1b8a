"""Sizes of random boxes inside an image (Szegedy et al. 2015, https://arxiv.org/abs/1409.4842)."""

from __future__ import annotations

import torch

ATTEMPTS = 10
"""Boxes drawn for an image, of which the first that fits counts."""
DRAWS = 2 * ATTEMPTS
"""Random numbers for an image."""


def box_sizes(
    draws: torch.Tensor,
    size: tuple[int, int],
    area: tuple[float, float],
    ratio: tuple[float, float],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the size of one box an image.

    A box's area is uniform in its range, and the logarithm of its ratio too.

    Args:
        draws: [B, DRAWS], uniform in [0, 1).
        size: (height, width) of the image, in pixels.
        area: smallest and largest share of the image's area.
        ratio: smallest and largest ratio of width to height.

    Returns:
        width and height, [B] each, in pixels, not whole; and whether they fit the image, [B], bool.
        Where none of the attempts fits, they are the first attempt's.
    """
    height, width = size
    areas = height * width * between(area, draws[:, :ATTEMPTS])
    low, high = torch.tensor(ratio, dtype=draws.dtype).log().tolist()
    ratios = between((low, high), draws[:, ATTEMPTS:]).exp()
    widths, heights = (areas * ratios).sqrt(), (areas / ratios).sqrt()
    fits = (widths <= width) & (heights <= height)
    first = fits.int().argmax(dim=1, keepdim=True)
    return (
        widths.gather(1, first)[:, 0],
        heights.gather(1, first)[:, 0],
        fits.any(dim=1),
    )


def between(limits: tuple[float, float], draws: torch.Tensor) -> torch.Tensor:
    """Return numbers between two limits from uniform ones in [0, 1), of any shape."""
    low, high = limits
    return low + (high - low) * draws
