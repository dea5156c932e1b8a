"""The central part of images."""

from __future__ import annotations

import torch


def central_crop(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return the central part of images [B, C, H, W], as a view [B, C, *size].

    Raises:
        ValueError: the images are smaller than ``size``, (height, width) in pixels.
    """
    top, left = central_corner((images.shape[2], images.shape[3]), size)
    return images[:, :, top : top + size[0], left : left + size[1]]


def central_corner(input_size: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Return the (top, left) pixel of the central part; an odd pixel is left over at the end.

    Raises:
        ValueError: ``input_size`` is smaller than ``size``, both (height, width) in pixels.
    """
    if input_size[0] < size[0] or input_size[1] < size[1]:
        raise ValueError(
            f"images must be at least as large as their central part, got {list(input_size)} for "
            f"{list(size)} (height, width)"
        )
    return (input_size[0] - size[0]) // 2, (input_size[1] - size[1]) // 2
